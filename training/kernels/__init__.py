"""Compiled loops on plain arrays, and the CPU time that each saves.

`python -m training benchmark kernels` makes this table. It measures median CPU microseconds in one
answer of `two_stage`: 5,000 products, a history of 100 purchases, about 170 candidates, models of
the default sizes, one thread. The answer (scores and list, without the HTTP request) took 1,748.
An answer runs before each measurement, so that the caches hold its data.
`saved` is the share of the answer; `differ` the greatest difference of the results, 0 for none.

loop                                   library call              loop us  library us  saved  differ
-------------------------------------  ------------------------  -------  ----------  -----  ------
features.model_inputs                  numpy log1p                    74         148     4%       0
faded_history.faded_history            numpy unique, add.at          116         580    27%       0
faded_history.add_left                 numpy indexing                 64         129     4%       0
least_squares.customer_vectors         numpy linalg.solve             78         539    26%   8e-07
sparse_rows.add_weights                scipy csr_array @              56         482    24%       0
decayed_means.read_history             numpy exp, @                   66         164     6%   2e-07
decayed_means.add_repeats              numpy unique, add.at           38         243    12%   2e-07
dot_products, 64 dimensions            numpy @ (float32)             161         183     1%   7e-05
dot_products, 128 dimensions           numpy @ (float32)             247         382     8%   1e-04
dot_products.rough, 50,000             numpy @ (float32)           1,384       1,830      -   7e-05
top_k.top_k                            numpy partition, argsort       36         158     7%       0
nomination.nominate                    numpy partition               123         377    15%       0
candidate_inputs.write_source_scores   numpy indexing, max            37         139     6%       0
candidate_inputs.write_product_inputs  numpy indexing                 38          76     2%       0
pair_inputs.write_pair_inputs          numpy bincount, scipy @       103       1,355    72%       0
nomination.put_above                   numpy min, indexing            22         109     5%       0
standardised_columns.standardised      numpy log1p, clip             231         477    14%   1e-06
activations.gelu_, 128 wide            torch gelu                     78         332    15%   5e-07
activations.gelu_, 64 wide             torch gelu                     45         287    14%   3e-07
lightgbm_trees.add_up                  lightgbm predict              330       5,875   317%       0

A loop that saves less than 5% should be replaced by the library call, unless that changes the last
bits of scores: BLAS sums dot products in another order, and numpy computes log1p differently on
processors with AVX-512. Rough scores replace exact ones only above 20,000 products.
"""
