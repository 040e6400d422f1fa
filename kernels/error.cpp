#include "kernels/error.h"

#include <utility>

namespace mynah {

Error::Error(Cause cause, std::string place, std::string problem, std::string remedy)
    : std::runtime_error(place + ": " + problem + (remedy.empty() ? std::string{} : "\n" + remedy)),
      cause_(cause),
      place_(std::move(place)),
      problem_(std::move(problem)),
      remedy_(std::move(remedy)) {}

Error input_error(std::string place, std::string problem, std::string remedy) {
  return Error(Error::Cause::input, std::move(place), std::move(problem), std::move(remedy));
}

}  // namespace mynah
