"""Compiled loops on plain arrays, and the CPU time that each saves.

`python -m training benchmark kernels` makes this table. It measures median CPU microseconds in one
answer of `two_stage`: 5,000 products, a history of 100 purchases, about 170 candidates, models of
the default sizes, one thread. The answer (scores and list, without the HTTP request) took 1,779.
An answer runs before each measurement, so that the caches hold its data.
`saved` is the share of the answer; `differ` the greatest difference of the results, 0 for none.

loop                               library call              loop us  library us  saved  differ
---------------------------------  ------------------------  -------  ----------  -----  ------
features.model_inputs              numpy log1p                    81         141     3%       0
faded_history.faded_history        numpy unique, add.at           82         226     8%       0
least_squares.customer_vectors     numpy linalg.solve             83         559    27%   8e-07
sparse_rows.add_weights            scipy csr_array @              48         472    24%       0
decayed_means.read_history         numpy exp, @                   75         172     5%   2e-07
decayed_means.add_repeats          numpy unique, add.at           49         237    11%   2e-07
dot_products, 64 dimensions        numpy @ (float32)             124         165     2%   7e-05
dot_products, 128 dimensions       numpy @ (float32)             200         362     9%   1e-04
dot_products.rough, 50,000         numpy @ (float32)           1,394       1,859      -   7e-05
top_k.top_k                        numpy partition, argsort       91         161     4%       0
nomination.nominate                numpy partition               141         373    13%       0
source_scores.write_source_scores  numpy indexing, max            34         146     6%       0
pair_inputs.write_pair_inputs      numpy bincount, scipy @        95       1,371    72%       0
nomination.put_above               numpy min, indexing            46         106     3%       0
standardised_columns.standardised  numpy log1p, clip             229         494    15%   7e-07
activations.gelu_, 128 wide        torch gelu                     70         325    14%   4e-07
activations.gelu_, 64 wide         torch gelu                     61         283    12%   4e-07
lightgbm_trees.add_up              lightgbm predict              336       5,691   301%       0

A loop that saves less than 5% should be replaced by the library call, unless that changes the last
bits of scores: BLAS sums dot products in another order, and numpy computes log1p differently on
processors with AVX-512. `top_k` and `put_above` vary around 5%: 7% and 5% in another run. Rough
scores replace exact ones only above 20,000 products.
"""
