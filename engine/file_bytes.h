#pragma once

#include <filesystem>
#include <string>

namespace mynah {

/// All bytes of a file, at most `largest` of them. Throws Error (input) with the system's reason if the file is
/// missing, a folder, unreadable, or larger.
std::string read_file_bytes(const std::filesystem::path& path, std::size_t largest = std::size_t{1} << 40);

}  // namespace mynah
