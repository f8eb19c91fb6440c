"""The whole recommender: sources nominate candidates, rankers order them."""
