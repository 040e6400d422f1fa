#pragma once

#include <string>
#include <string_view>

namespace mynah {

/// A piece of a file that may hold anything, made fit for a message: at most 40 bytes, in single quotes, everything but
/// printable ASCII as \xNN, "..." where it was cut.
std::string excerpt(std::string_view text);

/// Whether `text` is well-formed UTF-8 without NUL.
bool is_utf8_text(std::string_view text);

/// A path as a shell takes it: unchanged where it is plain, else in single quotes.
std::string shell_quoted(std::string_view path);

}  // namespace mynah
