#pragma once

#include <span>
#include <string>

#include "kernels/pooling.h"

/// What the layers that pool images check alike. `kind` is Layer::kind().
namespace mynah {

/// Errors: input_error for windows that fit no image of these extents.
void check_pooling_options(const std::string& kind, const kernels::PoolingGeometry& geometry);

/// Errors: input_error unless there is one input, of an image [channels, height, width] in a row.
void check_pooled_image(const std::string& kind, std::span<const Index> inputs, Index channels, Index height,
                        Index width);

}  // namespace mynah
