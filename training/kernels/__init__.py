"""Compiled loops on plain arrays, and the CPU time that each saves.

`python -m training benchmark kernels` makes this table. It measures median CPU microseconds in one
answer of `two_stage`: 5,000 products, a history of 100 purchases, about 170 candidates, models of
the default sizes, one thread. The answer (scores and list, without the HTTP request) took 321.
An answer runs before each measurement, so that the caches hold its data.
`saved` is the share of the answer; `differ` the greatest difference of the results, 0 for none.

loop                               library call              loop us  library us  saved  differ
---------------------------------  ------------------------  -------  ----------  -----  ------
features.model_inputs              numpy log1p                    34          48     4%       0
faded_history.faded_history        numpy unique, add.at           26          73    15%       0
least_squares.customer_vectors     numpy linalg.solve             26         188    50%   8e-07
sparse_rows.add_weights            scipy csr_array @              28         176    46%       0
decayed_means.read_history         numpy exp, @                   17          39     7%   2e-07
decayed_means.add_repeats          numpy unique, add.at            8          65    18%   2e-07
dot_products, 64 dimensions        numpy @ (float32)              31          54     7%   7e-05
dot_products, 128 dimensions       numpy @ (float32)              47         109    19%   1e-04
dot_products.rough, 50,000         numpy @ (float32)             355         569      -   7e-05
top_k.top_k                        numpy partition, argsort       11          54    13%       0
nomination.nominate                numpy partition                31         108    24%       0
source_scores.write_source_scores  numpy indexing, max            16          43     8%       0
pair_inputs.write_pair_inputs      numpy bincount, scipy @        42         478   136%       0
nomination.put_above               numpy min, indexing             6          24     6%       0
standardised_columns.standardised  numpy log1p, clip              46          73     8%   1e-06
activations.gelu_, 128 wide        torch gelu                     13         215    63%   5e-07
activations.gelu_, 64 wide         torch gelu                      7          92    26%   4e-07
lightgbm_trees.add_up              lightgbm predict               90       2,182   652%       0

A loop that saves less than 5% should be replaced by the library call, unless that changes the last
bits of scores: BLAS sums dot products in another order, and numpy computes log1p differently on
processors with AVX-512 (`model_inputs`). Rough scores replace exact ones only above 20,000
products.
"""
