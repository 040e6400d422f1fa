#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/activation.h"
#include "kernels/view.h"

/// The shapes that every operation is tested and timed on: ragged ones, on purpose. Empty matrices, one row, one
/// column, sizes beside a power of two, rows further apart than they are wide, beginnings that are not aligned.
namespace mynah::tests {

/// How a matrix lies in memory: `padding` values between rows, the first one `offset` values behind a 256-byte
/// boundary.
struct Layout {
  Index padding = 0;
  Index offset = 0;
};

struct MatrixCase {
  Index rows = 0;
  Index columns = 0;
  Layout layout;
};

struct LinearCase {
  Index rows = 0;
  Index inputs = 0;
  Index outputs = 0;
  Layout layout;
  bool bias = true;
  kernels::Activation activation = kernels::Activation::relu;
};

struct VectorCase {
  Index size = 0;
  Index offset = 0;
};

inline std::string text_of(const Layout& layout) {
  std::string text;
  if (layout.padding != 0) text += " padding " + std::to_string(layout.padding);
  if (layout.offset != 0) text += " offset " + std::to_string(layout.offset);
  return text;
}

inline std::string text_of(const MatrixCase& shape) {
  return std::to_string(shape.rows) + " x " + std::to_string(shape.columns) + text_of(shape.layout);
}

inline std::string text_of(const LinearCase& shape) {
  return "rows " + std::to_string(shape.rows) + " inputs " + std::to_string(shape.inputs) + " outputs " +
         std::to_string(shape.outputs) + text_of(shape.layout) + (shape.bias ? "" : " without bias") +
         (shape.activation == kernels::Activation::relu ? " relu" : "");
}

inline std::string text_of(const VectorCase& shape) {
  return std::to_string(shape.size) + text_of(Layout{0, shape.offset});
}

inline std::vector<Layout> layouts() {
  return {{0, 0}, {3, 0}, {4, 0}, {0, 1}, {5, 2}};
}

/// Every layout comes up with many shapes: 48 cases.
inline std::vector<MatrixCase> matrix_cases() {
  std::vector<MatrixCase> cases{{0, 5, {}}, {5, 0, {}}, {0, 0, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 2, 17, 33, 130}) {
    for (const Index columns : {1, 3, 4, 6, 17, 32, 63, 64, 257}) {
      cases.push_back({rows, columns, layouts()[next++ % layouts().size()]});
    }
  }
  return cases;
}

/// For timing alone: a batch of hidden values, and a matrix larger than the cache of a GPU.
inline std::vector<MatrixCase> large_matrix_cases() {
  return {{4096, 256, {}}, {65536, 256, {}}};
}

/// For timing alone: the parameters of a network, and a vector larger than the cache of a GPU.
inline std::vector<VectorCase> large_vector_cases() {
  return {{1 << 20, 0}, {1 << 24, 0}};
}

inline std::vector<VectorCase> vector_cases() {
  std::vector<VectorCase> cases;
  for (const Index size : {0, 1, 2, 3, 4, 5, 7, 31, 32, 33, 127, 255, 256, 257, 1000, 1023, 1025, 4095, 4097, 20011}) {
    cases.push_back({size, 0});
    cases.push_back({size, 1 + size % 3});
  }
  return cases;
}

/// Layers of small networks, skinny and ragged ones. The last ones are large enough for the larger tiles and deep
/// enough to be cut into parts, and no larger.
inline std::vector<LinearCase> linear_cases() {
  using kernels::Activation;
  std::vector<LinearCase> cases{
      {0, 4, 4, {}},
      {3, 0, 5, {}},
      {3, 5, 0, {}},
      {3, 0, 5, {}, false},
      {0, 0, 0, {}},
      {1, 1, 1, {}},
      {1, 17, 256, {}},
      {1, 256, 6, {}},
      {32, 17, 256, {}},
      {32, 256, 6, {}, true, Activation::none},
      {32, 17, 256, {}, false},
      {33, 11, 256, {}},
      {33, 256, 3, {}, true, Activation::none},
  };
  std::size_t next = 0;
  for (const Index rows : {1, 7, 33, 65}) {
    for (const auto& [inputs, outputs] :
         {std::pair<Index, Index>{1, 1}, {4, 2}, {17, 64}, {31, 33}, {64, 1}, {96, 65}, {40, 8}, {5, 100}}) {
      const bool odd = next % 2 == 1;
      cases.push_back({rows, inputs, outputs, layouts()[next++ % layouts().size()], !odd,
                       odd ? Activation::none : Activation::relu});
    }
  }
  cases.push_back({33, 1030, 65, {}});      // inputs in parts
  cases.push_back({33, 1032, 68, {4, 0}});  // the same with 128-bit accesses
  cases.push_back({33, 65, 1030, {1, 0}});  // outputs in parts, for the gradient of the input
  cases.push_back({1101, 7, 5, {}});        // weight gradient in parts
  cases.push_back({1100, 8, 12, {}, false});
  cases.push_back({200, 3, 1025, {1, 1}});
  cases.push_back({1025, 200, 3, {1, 1}});
  return cases;
}

/// The smallest shapes for which linear_forward takes the medium and the large tile, with and without 128-bit accesses.
inline std::vector<LinearCase> forward_tile_cases() {
  return {{500, 5, 1000, {}}, {500, 8, 1000, {}}, {1400, 3, 1500, {}}, {1400, 4, 1500, {}, false}};
}

/// The same for linear_backward: first for the gradient of the input (rows x inputs), then of the weights.
inline std::vector<LinearCase> backward_tile_cases() {
  return {{500, 1001, 5, {}}, {500, 1000, 8, {}}, {1400, 1501, 3, {}}, {1400, 1500, 4, {}, false},
          {5, 500, 1001, {}}, {8, 500, 1000, {}}, {3, 1400, 1501, {}}, {4, 1400, 1500, {}, false}};
}

/// Rows of scores, for classification: 42 cases, narrow rows, wide ones, and one wider than a block handles at once.
inline std::vector<MatrixCase> score_cases() {
  std::vector<MatrixCase> cases{{0, 3, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 2, 33, 70}) {
    for (const Index classes : {1, 2, 3, 4, 5, 16, 17, 31, 64, 200}) {
      cases.push_back({rows, classes, layouts()[next++ % layouts().size()]});
    }
  }
  cases.push_back({3, 1500, {1, 0}});
  return cases;
}

}  // namespace mynah::tests
