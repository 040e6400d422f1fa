#pragma once

#include <cstdint>

/// The CPU's float operations, written with vectors and compiled once for each instruction set.
///
/// Everything but this table has internal linkage, and these sources use no inline function of the standard library, of
/// Eigen or of mynah's other headers: the linker keeps one copy of an inline function, and it might keep the one that
/// was compiled for a processor that this one is not. Hence plain pointers, sizes and strides instead of views.
namespace mynah::kernels::eigen::vectorized {

/// Rows of floats: element (row, column) is data[row * stride + column].
struct ConstRows {
  const float* data;
  std::int64_t stride;
};
struct Rows {
  float* data;
  std::int64_t stride;
};

/// Which part of an operation the calling thread does, of several threads that do it together. Results do not depend on
/// how many they are.
struct Team {
  std::int64_t member = 0;
  std::int64_t members = 1;
  /// Called by every member: returns when all have called it.
  void (*meet)(const void* place) = nullptr;
  const void* place = nullptr;
};

struct LinearSizes {
  std::int64_t rows, inputs, outputs;
};

struct GroupSizes {
  std::int64_t rows, groups, size;
};

/// kernels/convolution.h's geometry, of one group.
struct ConvolutionSizes {
  std::int64_t images, groups;
  std::int64_t inputs, outputs;  ///< Channels of a group.
  std::int64_t in_height, in_width, out_height, out_width;
  std::int64_t kernel_height, kernel_width, stride_height, stride_width;
  std::int64_t padding_height, padding_width, dilation_height, dilation_width;
};

/// The coefficients of one step of Adam, computed in double and rounded once.
struct AdamCoefficients {
  float beta1, beta2;  ///< What is kept of the moments,
  float rest1, rest2;  ///< and 1 minus that.
  float step_size;     ///< η / (1 - β1ᵗ)
  float root_scale;    ///< 1 / sqrt(1 - β2ᵗ)
  float epsilon;
  float decay;  ///< Added to the gradient, times the parameter.
  float keep;   ///< What decoupled decay leaves of a parameter.
};

/// One activation; the contracts are those of kernels/activation.h.
struct ActivationOperations {
  void (*forward)(float parameter, std::int64_t rows, std::int64_t columns, ConstRows x, Rows y);
  void (*backward)(float parameter, std::int64_t rows, std::int64_t columns, ConstRows operand, ConstRows dy, Rows dx);
  void (*tangent_backward)(float parameter, std::int64_t rows, std::int64_t columns, ConstRows operand,
                           ConstRows x_tangent, Rows y_gradient, Rows tangent_gradient);
};

/// Those that have a vectorised version, each under the name of its kind: kernels/eigen/activation.cpp finds them by
/// it, and computes a kind that is not here one element after another.
struct Activations {
  ActivationOperations none, relu, leaky_relu, tanh, sigmoid, elu, gelu, silu, softplus;
};

/// Σ exp(x - largest) over one row.
struct RowExponentials {
  float largest, sum;
};

/// The contracts are those of the operations of the same name in kernels/*.h; scratch is aligned to 256 bytes.
struct Operations {
  const char* name;

  /// Floats of scratch that these need, for so many members together; 0: scratch may be null.
  std::int64_t (*linear_forward_scratch)(const LinearSizes&, bool add, std::int64_t members);
  std::int64_t (*linear_backward_scratch)(const LinearSizes&, std::int64_t members);
  /// add: to what y holds, without relu. A member's results are seen by the others after the next meeting.
  void (*linear_forward)(const LinearSizes&, ConstRows x, ConstRows w, const float* b, bool add, bool relu, Rows y,
                         float* scratch, const Team&);
  /// gate.data may be null; else dx becomes 0 where the gate, [rows, inputs], is not above 0: the derivative of a ReLU
  /// that gave it. add: to what dx holds.
  void (*linear_input_gradient)(const LinearSizes&, ConstRows w, ConstRows dy, ConstRows gate, Rows dx, bool add,
                                float* scratch, const Team&);
  /// dw.data and db may be null. add: to what they hold.
  void (*linear_weight_gradient)(const LinearSizes&, ConstRows x, ConstRows dy, Rows dw, float* db, bool add,
                                 float* scratch, const Team&);

  /// A layer for a few rows (kernels/prepared_mlp.h): floats of its weights and bias as they lie for it; laying them
  /// out, w [outputs, inputs], b null for none; and y = x wᵀ + b. Rows of x are followed by zeros, and those of y are
  /// written, up to a multiple of 16.
  std::int64_t (*inference_packed_size)(std::int64_t inputs, std::int64_t outputs);
  void (*pack_inference)(std::int64_t inputs, std::int64_t outputs, ConstRows w, const float* b, float* packed);
  void (*infer_linear)(std::int64_t inputs, std::int64_t outputs, const float* packed, std::int64_t rows, ConstRows x,
                       bool relu, Rows y);

  void (*adam_step)(const AdamCoefficients&, std::int64_t n, float* parameters, const float* gradient,
                    float* first_moment, float* second_moment);

  void (*fill)(std::int64_t n, float* x, float value);
  void (*copy)(std::int64_t rows, std::int64_t columns, ConstRows x, Rows y);
  void (*add)(std::int64_t rows, std::int64_t columns, ConstRows x, Rows y);
  void (*exp)(std::int64_t rows, std::int64_t columns, ConstRows x, Rows y);
  void (*standardize)(std::int64_t rows, std::int64_t columns, ConstRows x, const float* mean, const float* deviation,
                      Rows y);
  void (*standardize_backward)(std::int64_t rows, std::int64_t columns, ConstRows dy, const float* deviation, Rows dx);
  void (*unstandardize)(std::int64_t rows, std::int64_t columns, ConstRows x, const float* mean, const float* deviation,
                        Rows y);
  void (*unstandardize_backward)(std::int64_t rows, std::int64_t columns, ConstRows dy, const float* deviation,
                                 Rows dx);
  void (*gather_rows)(std::int64_t rows, std::int64_t columns, ConstRows source, const std::int32_t* chosen, Rows out);

  /// Σ (prediction - target)²; gradient, unless its data is null, becomes scale (prediction - target).
  double (*squared_error)(std::int64_t rows, std::int64_t columns, ConstRows prediction, ConstRows target, float scale,
                          Rows gradient);
  /// One row, of at least one column: y = scale softmax(x), which may be x itself, or null. ln softmax(x)_c is
  /// x_c - largest - ln sum.
  RowExponentials (*softmax_row)(std::int64_t columns, const float* x, float scale, float* y);

  /// Of groups [rows, groups * size] each: see kernels/layer_norm.h.
  void (*layer_norm_forward)(const GroupSizes&, ConstRows x, const float* w, const float* b, float epsilon, Rows y,
                             float* mean, float* reciprocal_deviation);
  /// dx.data may be null; dw and db may be null together.
  void (*layer_norm_backward)(const GroupSizes&, ConstRows x, const float* w, const float* mean,
                              const float* reciprocal_deviation, ConstRows dy, Rows dx, float* dw, float* db);

  /// One step of a gated recurrent unit: see kernels/gru.h. `gates` are rows of r | z | q | n.
  void (*gru_gates_forward)(std::int64_t rows, std::int64_t hidden, ConstRows state_projection, ConstRows state,
                            Rows gates, Rows next_state);
  /// state_gradient.data may be null. add: to what it holds.
  void (*gru_gates_backward)(std::int64_t rows, std::int64_t hidden, ConstRows gates, ConstRows state,
                             ConstRows next_state_gradient, bool add, Rows gate_gradients, Rows state_gradient);

  Activations activations;

  /// Floats of scratch that each of these needs; none of the sizes but images is 0. add: to what y, or dx, holds.
  std::int64_t (*convolution_scratch)(const ConvolutionSizes&);
  void (*convolution_forward)(const ConvolutionSizes&, ConstRows x, ConstRows w, const float* b, bool add, Rows y,
                              float* scratch);
  void (*convolution_transposed)(const ConvolutionSizes&, ConstRows dy, ConstRows w, const float* b, bool add, Rows dx,
                                 float* scratch);
  void (*convolution_weight_gradient)(const ConvolutionSizes&, ConstRows x, ConstRows dy, Rows dw, float* scratch);
  void (*channel_bias_forward)(std::int64_t rows, std::int64_t channels, std::int64_t places, const float* b, Rows y);
  void (*channel_bias_backward)(std::int64_t rows, std::int64_t channels, std::int64_t places, ConstRows dy, float* db);
};

extern const Operations generic_operations;
#if defined(__x86_64__)
extern const Operations avx2_operations;
extern const Operations avx512_operations;
#endif

/// Whether this processor, and its operating system, can run them.
bool processor_runs(const Operations& operations);

/// Those for this processor: chosen at the first call, see kernels/processor.h.
const Operations& operations();

}  // namespace mynah::kernels::eigen::vectorized
