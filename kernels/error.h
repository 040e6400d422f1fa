#pragma once

#include <stdexcept>
#include <string>

namespace mynah {

/// The one exception type of mynah: what failed, where, and what to do about it.
///
/// what() is "PLACE: PROBLEM" and, where there is a remedy, a second line with it. The library never prints, exits or
/// aborts; the program maps Cause::input to exit code 2 and everything else to 1.
class Error : public std::runtime_error {
 public:
  enum class Cause {
    input,     ///< The user's input or environment: a file, an option, a shape, a full disk.
    device,    ///< A device call failed; the place names the operation.
    internal,  ///< A broken promise inside mynah: a defect.
  };

  /// place: file, row, column, tensor or operation name. problem: one sentence without a full stop. remedy may be
  /// empty.
  Error(Cause cause, std::string place, std::string problem, std::string remedy = {});

  Cause cause() const noexcept { return cause_; }
  const std::string& place() const noexcept { return place_; }
  const std::string& problem() const noexcept { return problem_; }
  const std::string& remedy() const noexcept { return remedy_; }

 private:
  Cause cause_;
  std::string place_;
  std::string problem_;
  std::string remedy_;
};

/// Shorthand for the most frequent case: the user's input is at fault.
Error input_error(std::string place, std::string problem, std::string remedy = {});

}  // namespace mynah
