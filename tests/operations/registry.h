#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/precision.h"
#include "tests/operations/differentiable.h"
#include "tests/operations/parity.h"
#include "tests/operations/pytorch.h"
#include "tests/operations/shapes.h"

/// The cases over which every operation and every layer is tested, checked and timed: `mynah-operations`.
///
/// A family of kernels/ or engine/layers/ has one file here, tests/operations/FAMILY.cpp, that defines a `const Family`
/// and registers what there is to show:
///
///   const Family tangents("activation", [](Family& family) {
///     for (const MatrixCase& shape : matrix_cases()) {
///       family.operation("activation_forward", text_of(shape), [=](Parity& run) { ... });
///     }
///     family.gradient({"activation_forward", "activation_backward"}, "7 x 5", [] { return Differentiable{...}; });
///     family.pytorch({"activation_forward", "activation_backward"}, "gelu", [](PyTorchCase& dump) { ... });
///     family.without("activation_name", Aspect::gradient, "it has no derivative");
///   });
namespace mynah::tests {

/// What is shown of an operation.
enum class Aspect {
  parity,    ///< CUDA against the CPU, under three thread schedules, with guard zones.
  gradient,  ///< Backward against central differences, in double.
  tangent,   ///< Tangent and its backward against central differences, and <u, J v> = <Jᵀ u, v>, in double.
  pytorch,   ///< Against a dump that PyTorch wrote, on every device.
  speed,     ///< Time on every device, over the cases of parity.
};
constexpr int aspect_count = 5;
const char* aspect_name(Aspect aspect);

/// One case of one aspect.
struct Check {
  Aspect aspect = Aspect::parity;
  std::vector<std::string> subjects;  ///< Operations ("linear_forward") and layers ("linear layer") that it shows.
  std::string shape;                  ///< Distinguishes the cases of a subject.
  kernels::Precision precision = kernels::Precision::float32;
  std::function<void(Parity&)> describe = nullptr;  ///< parity and speed
  std::function<void()> run = nullptr;              ///< the others; expectations of GoogleTest
};

class Family {
 public:
  Family(std::string name, const std::function<void(Family&)>& fill);

  /// A case for parity and for speed: `describe` makes the tensors of a Parity and ends with its expect_same().
  void operation(const std::string& operation, const std::string& shape, std::function<void(Parity&)> describe,
                 kernels::Precision precision = kernels::Precision::float32);
  /// The same for parity alone: odd arguments that are not worth timing.
  void parity(const std::string& operation, const std::string& shape, std::function<void(Parity&)> describe,
              kernels::Precision precision = kernels::Precision::float32);
  /// The same for speed alone: sizes that users have and an emulated device has no time for.
  void speed(const std::string& operation, const std::string& shape, std::function<void(Parity&)> describe,
             kernels::Precision precision = kernels::Precision::float32);
  /// Backward passes and, where the function has them, tangent passes, of what `make` returns.
  void gradient(std::vector<std::string> subjects, const std::string& shape,
                const std::function<Differentiable()>& make);
  /// Anything else that shows an aspect: expectations of GoogleTest.
  void check(Aspect aspect, std::vector<std::string> subjects, const std::string& name, std::function<void()> run);
  /// Case `name` of tests/pytorch/dumps/FAMILY.safetensors, once for every device.
  void pytorch(const std::vector<std::string>& subjects, const std::string& name,
               const std::function<void(PyTorchCase&)>& compare);
  /// Why an operation has nothing to show there: `coverage` prints it in place of a hole.
  void without(const char* subject, Aspect aspect, const std::string& reason);
  void without(const std::vector<std::string>& subjects, const std::vector<Aspect>& aspects, const std::string& reason);

 private:
  std::string name_;
};

struct Registry {
  std::vector<Check> checks;
  std::map<std::pair<std::string, Aspect>, std::string> reasons;  ///< why there is none
};
Registry& registry();

/// Every operation that a header of kernels/ declares a CUDA twin of, and every layer of engine/layers/, as found when
/// the build was configured: what `coverage` has to find.
std::vector<std::string> declared_subjects();

}  // namespace mynah::tests
