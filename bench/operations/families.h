#pragma once

namespace mynah::bench {

/// Each registers the benchmarks of one family of operations.
void register_linear();
void register_elementwise();
void register_loss();
void register_training();

}  // namespace mynah::bench
