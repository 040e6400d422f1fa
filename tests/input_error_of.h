#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "kernels/error.h"

namespace mynah::tests {

/// What the call refuses, as an error of the input; "no error" if it does not.
inline std::string input_error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input) << error.what();
    return error.what();
  }
  return "no error";
}

}  // namespace mynah::tests
