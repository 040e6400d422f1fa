#pragma once

#include <gtest/gtest.h>

#include <tuple>

namespace mynah::tests {

/// testing::Types of a list whose every name is followed by a comma, as a list macro makes it: the last type is void.
template <class Done, class... Rest>
struct TypesBeforeVoidOf;
template <class... Done>
struct TypesBeforeVoidOf<std::tuple<Done...>, void> {
  using type = testing::Types<Done...>;
};
template <class... Done, class First, class... Rest>
struct TypesBeforeVoidOf<std::tuple<Done...>, First, Rest...> : TypesBeforeVoidOf<std::tuple<Done..., First>, Rest...> {
};
template <class... All>
using TypesBeforeVoid = TypesBeforeVoidOf<std::tuple<>, All...>;

}  // namespace mynah::tests
