#include "engine/npz.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zip.h>

#include <algorithm>
#include <utility>

#include "kernels/error.h"

namespace mynah {
namespace fs = std::filesystem;
namespace {

constexpr const char* write_again = "the file may be damaged or cut off; write it again with `numpy.savez`";

std::string message_of(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Entry = std::unique_ptr<zip_file_t, CloseEntry>;

}  // namespace

struct NpzReader::Archive {
  std::string source;
  zip_t* zip = nullptr;
  std::vector<std::string> names;
  std::vector<zip_uint64_t> entries;  ///< Position in the zip of each name.
  std::uint64_t budget = 0;           ///< Bytes that may still be unpacked.

  ~Archive() {
    if (zip != nullptr) zip_discard(zip);
  }

  void open(zip_source_t* bytes, zip_error_t& error) {
    if (bytes != nullptr) zip = zip_open_from_source(bytes, ZIP_RDONLY, &error);
    if (zip == nullptr) {
      if (bytes != nullptr) zip_source_free(bytes);
      const int code = zip_error_code_zip(&error);
      const std::string reason = message_of(error);
      if (code == ZIP_ER_NOENT) throw input_error(source, "does not exist", "check the path");
      if (code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS || code == ZIP_ER_EOF || code == ZIP_ER_SEEK) {
        throw input_error(source, fmt::format("is not a whole npz (zip) file: {}", reason), write_again);
      }
      throw input_error(source, fmt::format("cannot be read: {}", reason), "check the path and its permissions");
    }
    list_names();
  }

  void list_names() {
    constexpr std::string_view extension = ".npy";
    const zip_int64_t count = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* raw = zip_get_name(zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
      std::string name = raw == nullptr ? "" : raw;
      if (!name.ends_with(extension)) continue;
      name.resize(name.size() - extension.size());
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      names.push_back(std::move(name));
      entries.push_back(static_cast<zip_uint64_t>(i));
    }
  }

  /// Size of an entry, after everything that its description alone can tell.
  std::uint64_t checked_size(zip_uint64_t entry, const std::string& place) const {
    zip_stat_t status;
    zip_stat_init(&status);
    const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(zip, entry, 0, &status) != 0 || (status.valid & needed) != needed) {
      throw input_error(place, "has no size in the zip directory", write_again);
    }
    if ((status.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && status.encryption_method != ZIP_EM_NONE) {
      throw input_error(place, "is encrypted", "save it without a password, with `numpy.savez`");
    }
    if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE) {
      throw input_error(place, fmt::format("is packed with zip method {}, which is not read", status.comp_method),
                        "save it with `numpy.savez` or `numpy.savez_compressed`");
    }
    // Deflate cannot shrink more than 1032 to 1 (RFC 1951: 258 bytes from 2 bits), so a larger claim is false.
    const bool possible =
        status.comp_method == ZIP_CM_STORE ? status.size == status.comp_size : status.size / 1032 <= status.comp_size;
    if (!possible) {
      throw input_error(place, fmt::format("claims to unpack from {} to {} bytes", status.comp_size, status.size),
                        write_again);
    }
    if (status.size > budget) {
      throw input_error(place, fmt::format("unpacks to {} bytes, beyond the limit for one file", status.size),
                        "split the file into smaller ones, or raise the limit if you trust it");
    }
    return status.size;
  }
};

namespace {

/// Reads exactly `count` more bytes of the entry onto the end of `bytes`, growing it only as data arrives.
void append_bytes(zip_file_t* file, std::vector<std::byte>& bytes, std::uint64_t count, const std::string& place) {
  constexpr std::uint64_t step = std::uint64_t{1} << 24;
  while (count > 0) {
    const std::uint64_t wanted = std::min(count, step);
    const std::size_t before = bytes.size();
    bytes.resize(before + static_cast<std::size_t>(wanted));
    const zip_int64_t got = zip_fread(file, bytes.data() + before, wanted);
    if (got <= 0) {
      const std::string reason = got < 0 ? zip_error_strerror(zip_file_get_error(file)) : "it ends early";
      throw input_error(place, fmt::format("cannot be unpacked after {} bytes: {}", before, reason), write_again);
    }
    bytes.resize(before + static_cast<std::size_t>(got));
    count -= static_cast<std::uint64_t>(got);
  }
}

/// Reading past the last byte is what makes libzip compare the checksum.
void expect_end(zip_file_t* file, const std::string& place) {
  char extra = 0;
  const zip_int64_t got = zip_fread(file, &extra, 1);
  if (got == 0) return;
  const std::string reason =
      got < 0 ? zip_error_strerror(zip_file_get_error(file)) : "there are more bytes than the header says";
  throw input_error(place, fmt::format("is damaged: {}", reason), write_again);
}

}  // namespace

NpzReader::NpzReader(const fs::path& path, std::uint64_t max_bytes) : archive_(std::make_unique<Archive>()) {
  archive_->source = path.string();
  archive_->budget = max_bytes;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw input_error(archive_->source, "is a folder, not an npz file", "name a file in it");
  }
  zip_error_t error;
  zip_error_init(&error);
  archive_->open(zip_source_file_create(path.c_str(), 0, -1, &error), error);
}

NpzReader::NpzReader(std::span<const std::byte> bytes, std::string name, std::uint64_t max_bytes)
    : archive_(std::make_unique<Archive>()) {
  archive_->source = std::move(name);
  archive_->budget = max_bytes;
  zip_error_t error;
  zip_error_init(&error);
  archive_->open(zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error), error);
}

NpzReader::~NpzReader() = default;
NpzReader::NpzReader(NpzReader&&) noexcept = default;
NpzReader& NpzReader::operator=(NpzReader&&) noexcept = default;

const std::vector<std::string>& NpzReader::names() const {
  return archive_->names;
}
const std::string& NpzReader::source() const {
  return archive_->source;
}

bool NpzReader::contains(std::string_view name) const {
  return std::find(archive_->names.begin(), archive_->names.end(), name) != archive_->names.end();
}

NpyArray NpzReader::read(std::string_view name) {
  const auto found = std::find(archive_->names.begin(), archive_->names.end(), name);
  if (found == archive_->names.end()) {
    throw input_error(archive_->source, fmt::format("has no array '{}'; it has: {}", name, fmt::join(names(), ", ")),
                      "save the array under that name with `numpy.savez`");
  }
  const zip_uint64_t entry = archive_->entries[static_cast<std::size_t>(found - archive_->names.begin())];
  const std::string place = fmt::format("{}: array '{}'", archive_->source, name);
  const std::uint64_t size = archive_->checked_size(entry, place);

  const Entry file(zip_fopen_index(archive_->zip, entry, 0));
  if (!file) {
    throw input_error(place, fmt::format("cannot be opened: {}", zip_strerror(archive_->zip)), write_again);
  }
  std::vector<std::byte> start;
  append_bytes(file.get(), start, std::min<std::uint64_t>(size, 10), place);
  // Bytes 8 to 11 hold the header's length, in formats 2.0 and 3.0 all four of them. Reading a little too much is no
  // harm.
  if (start.size() == 10) {
    const bool short_length = start[6] == std::byte{1};
    if (!short_length) append_bytes(file.get(), start, std::min<std::uint64_t>(size - 10, 2), place);
    std::uint64_t length = 0;
    for (std::size_t i = start.size(); i-- > 8;) length = length << 8 | std::to_integer<std::uint64_t>(start[i]);
    length = std::min<std::uint64_t>({length, npy_max_header_bytes, size - start.size()});
    append_bytes(file.get(), start, length, place);
  }
  const NpyHeader header = parse_npy_header(start, place);
  if (header.data_offset + header.data_bytes != size) {
    throw input_error(
        place, fmt::format("holds {} bytes, but its header says {}", size - header.data_offset, header.data_bytes),
        write_again);
  }
  std::vector<std::byte> items;
  append_bytes(file.get(), items, header.data_bytes, place);
  expect_end(file.get(), place);
  archive_->budget -= size;
  return make_npy_array(header, std::string(name), std::move(items));
}

std::string serialize_npz(std::span<const NpyArray> arrays, NpzCompression compression) {
  zip_error_t error;
  zip_error_init(&error);
  const auto failed = [](const std::string& reason) {
    return Error(Error::Cause::internal, "npz", fmt::format("cannot be packed: {}", reason));
  };
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  if (target == nullptr) throw failed(message_of(error));
  zip_source_keep(target);  // the archive takes one reference, and the packed bytes are read through the other
  const std::unique_ptr<zip_source_t, void (*)(zip_source_t*)> keep(target, zip_source_free);
  zip_t* opened = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  if (opened == nullptr) {
    zip_source_free(target);
    throw failed(message_of(error));
  }
  std::unique_ptr<zip_t, void (*)(zip_t*)> archive(opened, zip_discard);

  std::vector<std::string> files;  // alive until the archive is closed
  files.reserve(arrays.size());
  for (const NpyArray& array : arrays) {
    const std::string& bytes = files.emplace_back(serialize_npy(array));
    zip_source_t* source = zip_source_buffer(opened, bytes.data(), bytes.size(), 0);
    const zip_int64_t index =
        source == nullptr ? -1 : zip_file_add(opened, (array.name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      if (source != nullptr) zip_source_free(source);
      throw failed(zip_strerror(opened));
    }
    const auto entry = static_cast<zip_uint64_t>(index);
    const zip_int32_t method = compression == NpzCompression::stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
    constexpr zip_uint16_t first_day_of_zip = 0x0021;  // 1980-01-01, as NumPy writes
    if (zip_set_file_compression(opened, entry, method, 0) != 0 ||
        zip_file_set_dostime(opened, entry, 0, first_day_of_zip, 0) != 0) {
      throw failed(zip_strerror(opened));
    }
  }
  if (zip_close(opened) != 0) throw failed(zip_strerror(opened));
  static_cast<void>(archive.release());

  zip_stat_t status;
  zip_stat_init(&status);
  std::string bytes;
  if (zip_source_stat(target, &status) == 0 && (status.valid & ZIP_STAT_SIZE) != 0) bytes.resize(status.size);
  if (zip_source_open(target) != 0) throw failed(zip_error_strerror(zip_source_error(target)));
  const zip_int64_t got = zip_source_read(target, bytes.data(), bytes.size());
  zip_source_close(target);
  if (bytes.empty() || got != static_cast<zip_int64_t>(bytes.size())) throw failed("the packed bytes are incomplete");
  return bytes;
}

}  // namespace mynah
