#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mynah {

/// The known name that `name` was probably meant to be: the fewest characters inserted, removed or replaced
/// (Levenshtein distance), if that is at most a third of its length; otherwise empty. Of equally near names the first.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

}  // namespace mynah
