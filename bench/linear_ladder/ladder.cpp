#include "bench/linear_ladder/ladder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "engine/nearest_name.h"
#include "kernels/cuda/linear_selection.h"
#include "kernels/error.h"
#include "kernels/linear.h"

namespace mynah::ladder {
namespace {

using kernels::Activation;
using kernels::linear_forward;

void library(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  linear_forward(stream, x, w, b, Activation::none, y);
}

void separate(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  linear_forward(stream, x, w, {}, Activation::none, y);
  bias_relu(stream, b, y);
}

void fused(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  linear_forward(stream, x, w, b, Activation::relu, y);
}

template <Index edge>
Index tile_of(Index, Index, Index) {
  return edge;
}

Index library_tile(Index m, Index n, Index k) {
  using namespace kernels::cuda;
  const LinearKernel kernel = choose_linear(LinearProduct::forward, m, n, k).kernel;
  return kernel == LinearKernel::dot ? 1 : linear_tile_extent(kernel);
}

}  // namespace

const std::vector<Version>& versions() {
  static const std::vector<Version> all{
      {"naive", "a thread for each element of y", false, naive, tile_of<1>},
      {"coalesced", "a warp for each element, its lanes along k", false, coalesced, tile_of<1>},
      {"shared-tiles", "32 x 32 tiles in shared memory, a thread for each element", false, shared_tiles, tile_of<32>},
      {"register-tiles", "64 x 64 tiles, 4 x 4 sums in the registers of a thread", false, register_tiles, tile_of<64>},
      {"vector-loads", "128 x 128 tiles, 8 x 8 sums a thread, 128-bit loads, two buffers", false, vector_loads,
       tile_of<128>},
      {"library", "linear_forward: tile, dot or parts of k, as the shape wants it", false, library, library_tile},
      {"separate", "the library's product, then bias and ReLU in a launch of their own", true, separate, library_tile},
      {"fused", "linear_forward with bias and ReLU in its epilogue", true, fused, library_tile},
  };
  return all;
}

std::vector<Version> find_versions(const std::string& name) {
  if (name == "all") return versions();
  std::vector<std::string> names;
  for (const Version& version : versions()) {
    if (version.name == name) return {version};
    names.push_back(version.name);
  }
  names.emplace_back("all");
  const std::string nearest = nearest_name(name, names);
  throw input_error("--version", fmt::format("there is no version '{}'", name),
                    (nearest.empty() ? "" : fmt::format("did you mean '{}'? ", nearest)) +
                        fmt::format("one of: {}", fmt::join(names, ", ")));
}

std::array<Index, 3> parse_shape(const std::string& text) {
  constexpr Index most = Index{1} << 20;
  std::array<Index, 3> sizes{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto [after, error] = std::from_chars(at, end, sizes[i]);
    const bool last = i + 1 == sizes.size();
    if (error != std::errc() || sizes[i] < 1 || sizes[i] > most ||
        (last ? after != end : after == end || *after != ',')) {
      throw input_error("--shape", fmt::format("'{}' is no shape of a product", text),
                        "give rows, outputs and inputs, each from 1 to 1,048,576, such as 4096,4096,4096");
    }
    at = last ? after : after + 1;
  }
  return sizes;
}

double loads_per_multiply_add(const Version& version, Index m, Index n, Index k) {
  const Index tile = version.tile(m, n, k);
  const auto tiles = [&](Index size) {
    const Index count = (size + tile - 1) / tile;
    return static_cast<double>(count);
  };
  // A row of x is loaded once for every column of tiles, a row of w once for every row of tiles.
  return tiles(n) / static_cast<double>(n) + tiles(m) / static_cast<double>(m);
}

}  // namespace mynah::ladder
