#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/npy.h"

namespace mynah {

/// Reads NumPy's `.npz`: a zip file, stored or deflated, of `.npy` arrays. Arrays are unpacked only when asked for.
///
/// Every defect is an input Error naming the file and the array. Nothing is allocated on the word of a header alone:
/// what it declares is first compared with the bytes that are there.
class NpzReader {
 public:
  /// max_bytes: most bytes of arrays that read() will unpack, all calls together.
  explicit NpzReader(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{16} << 30);
  /// From bytes in memory, which stay alive as long as the reader; `name` stands for the file in messages.
  NpzReader(std::span<const std::byte> bytes, std::string name, std::uint64_t max_bytes = std::uint64_t{16} << 30);
  ~NpzReader();
  NpzReader(NpzReader&&) noexcept;
  NpzReader& operator=(NpzReader&&) noexcept;

  /// Names of the arrays, without ".npy", in the order of the file.
  const std::vector<std::string>& names() const;
  bool contains(std::string_view name) const;
  /// The array `name`; an input error if it is not there or damaged.
  NpyArray read(std::string_view name);
  /// The file's name, for messages.
  const std::string& source() const;

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

enum class NpzCompression { stored, deflated };

/// The bytes of an npz file that holds `arrays`. The same arrays give the same bytes: no times are stored.
std::string serialize_npz(std::span<const NpyArray> arrays, NpzCompression compression = NpzCompression::stored);

}  // namespace mynah
