"""A deep model of customers: purchase sequence and activity, one network, four targets."""
