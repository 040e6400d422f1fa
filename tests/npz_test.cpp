#include "engine/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "demonstrations_fixture.h"

namespace mynah {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// A `.npy` file with the given header text and items.
std::string npy(const std::string& dictionary, const std::string& items, char major = 1) {
  std::string header = dictionary + "\n";
  std::string bytes = std::string("\x93NUMPY") + major + '\0';
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  if (major > 1) bytes += std::string(2, '\0');
  return bytes + header + items;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), std::data(values), bytes.size());
  return bytes;
}

NpyArray parse(const std::string& file) {
  const NpyHeader header = parse_npy_header(bytes_of(file), "FILE: array 'x'");
  const auto items = bytes_of(file).subspan(header.data_offset);
  EXPECT_EQ(items.size(), header.data_bytes);
  return make_npy_array(header, "x", {items.begin(), items.end()});
}

std::vector<float> floats(const std::string& file) {
  return npy_to_floats(parse(file), "FILE");
}

std::string refused_header(const std::string& dictionary) {
  return refusal_of([&] { parse_npy_header(bytes_of(npy(dictionary, "")), "FILE: array 'x'"); });
}

std::string header(const std::string& type, const std::string& shape, const char* fortran = "False") {
  return "{'descr': " + type + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

TEST(Npy, EveryTypeIsConverted) {
  EXPECT_THAT(floats(npy(header("'<f4'", "(2,)"), raw<float>({1.5f, -2}))), ElementsAre(1.5f, -2));
  EXPECT_THAT(floats(npy(header("'<f8'", "(2,)"), raw<double>({1.5, -2}))), ElementsAre(1.5f, -2));
  EXPECT_THAT(floats(npy(header("'|i1'", "(2,)"), raw<std::int8_t>({-3, 4}))), ElementsAre(-3, 4));
  EXPECT_THAT(floats(npy(header("'<i2'", "(2,)"), raw<std::int16_t>({-300, 4}))), ElementsAre(-300, 4));
  EXPECT_THAT(floats(npy(header("'<i4'", "(1,)"), raw<std::int32_t>({-70000}))), ElementsAre(-70000));
  EXPECT_THAT(floats(npy(header("'<i8'", "(1,)"), raw<std::int64_t>({1 << 20}))), ElementsAre(1 << 20));
  EXPECT_THAT(floats(npy(header("'|u1'", "(1,)"), raw<std::uint8_t>({255}))), ElementsAre(255));
  EXPECT_THAT(floats(npy(header("'<u2'", "(1,)"), raw<std::uint16_t>({65535}))), ElementsAre(65535));
  EXPECT_THAT(floats(npy(header("'<u4'", "(1,)"), raw<std::uint32_t>({1u << 31}))), ElementsAre(2147483648.0f));
  EXPECT_THAT(floats(npy(header("'<u8'", "(1,)"), raw<std::uint64_t>({7}))), ElementsAre(7));
  EXPECT_THAT(floats(npy(header("'|b1'", "(3,)"), raw<std::uint8_t>({0, 1, 1}))), ElementsAre(0, 1, 1));
}

TEST(Npy, HalfPrecisionAtItsEdges) {
  const auto values = floats(
      npy(header("'<f2'", "(7,)"), raw<std::uint16_t>({0x3c00, 0xc000, 0x0001, 0x03ff, 0x7bff, 0x7c00, 0x7e00})));
  EXPECT_THAT(std::vector<float>(values.begin(), values.begin() + 6),
              ElementsAre(1.0f, -2.0f, std::ldexp(1.0f, -24), std::ldexp(1023.0f, -24), 65504.0f,
                          std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(std::isnan(values[6]));
}

TEST(Npy, BigEndianFortranOrderAndLaterFormats) {
  EXPECT_THAT(floats(npy(header("'>f4'", "(1,)"), std::string("\x3f\xc0\0\0", 4))), ElementsAre(1.5f));
  // [[0, 1, 2], [3, 4, 5]] column by column
  const std::string columns = raw<float>({0, 3, 1, 4, 2, 5});
  EXPECT_THAT(floats(npy(header("'<f4'", "(2, 3)", "True"), columns)), ElementsAre(0, 1, 2, 3, 4, 5));
  // [2, 2, 2]: the first index runs fastest
  EXPECT_THAT(floats(npy(header("'<f4'", "(2, 2, 2)", "True"), raw<float>({0, 4, 2, 6, 1, 5, 3, 7}))),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  for (const char major : {'\2', '\3'}) {
    EXPECT_THAT(floats(npy(header("'<f4'", "(1,)"), raw<float>({2}), major)), ElementsAre(2));
  }
  EXPECT_THAT(floats(npy(header("'<f4'", "()"), raw<float>({2}))), ElementsAre(2));
  EXPECT_THAT(floats(npy(header("'<f4'", "(3L, 0)"), "")), ElementsAre());
}

TEST(Npy, RefusesWhatItDoesNotRead) {
  EXPECT_THAT(refused_header(header("'|O'", "(1,)")), AllOf(HasSubstr("array 'x'"), HasSubstr("pickle")));
  EXPECT_THAT(refused_header(header("[('a', '<f4')]", "(1,)")), HasSubstr("structure"));
  EXPECT_THAT(refused_header(header("'<c8'", "(1,)")), HasSubstr("'<c8'"));
  EXPECT_THAT(refused_header(header("'<M8[ns]'", "(1,)")), HasSubstr("M8"));
  EXPECT_THAT(refused_header(header("'|S3'", "(1,)")), HasSubstr("S3"));
  EXPECT_THAT(refused_header(header("'<f16'", "(1,)")), HasSubstr("f16"));
  EXPECT_THAT(refused_header(header("'<f4'", "(-1,)")), HasSubstr("tuple of sizes"));
  EXPECT_THAT(refused_header(header("'<f4'", "(4611686018427387904, 4611686018427387904)")), HasSubstr("beyond"));
  EXPECT_THAT(refused_header(header("'<f4'", "(99999999999999999999,)")), HasSubstr("tuple of sizes"));
  EXPECT_THAT(refused_header(header("'<f4'", "(1,)", "Perhaps")), HasSubstr("fortran_order"));
  EXPECT_THAT(refused_header("{'descr': '<f4', 'shape': (1,)}"), HasSubstr("lacks 'fortran_order'"));
  EXPECT_THAT(refused_header("{'descr': '<f4"), HasSubstr("ends inside"));
  EXPECT_THAT(refused_header("[]"), HasSubstr("'{'"));
  EXPECT_THAT(refused_header(header("'<f4'", "(1,)") + " x"), HasSubstr("after its end"));
  std::string file = npy(header("'<f4'", "(1,)"), raw<float>({1}));
  EXPECT_THAT(refusal_of([&] { parse_npy_header(bytes_of(file.substr(0, 40)), "FILE"); }), HasSubstr("cut off"));
  file[6] = 9;
  EXPECT_THAT(refusal_of([&] { parse_npy_header(bytes_of(file), "FILE"); }), HasSubstr("format 9.0"));
}

TEST(Npy, ConversionsThatWouldLoseTheMeaningAreRefused) {
  const NpyArray real = npy_array("x", std::vector<float>{1.0f}, {1});
  EXPECT_THAT(refusal_of([&] { npy_to_integers(real, "FILE"); }), HasSubstr("<f4"));
  const NpyArray large = parse(npy(header("'<u8'", "(1,)"), raw<std::uint64_t>({1ull << 63})));
  EXPECT_THAT(refusal_of([&] { npy_to_integers(large, "FILE"); }), HasSubstr("9223372036854775808"));
  const NpyArray text = npy_array_of_text("x", std::vector<std::string>{"a"});
  EXPECT_THAT(refusal_of([&] { npy_to_floats(text, "FILE"); }), HasSubstr("text"));
  EXPECT_THAT(refusal_of([&] { npy_to_text(real, "FILE"); }), HasSubstr("<f4"));
  EXPECT_THAT(refusal_of([&] { npy_array_of_text("x", std::vector<std::string>{"\xff"}); }), HasSubstr("UTF-8"));
}

TEST(Npz, WritesWhatItReads) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::vector<std::string> names{"größe", "x", "", "日本", "\xf0\x9f\x90\xa6"};
  const std::vector<NpyArray> arrays{npy_array("values", values, {3, 2}), npy_array_of_text("names", names),
                                     npy_array_of_flags("flags", std::vector<std::uint8_t>{1, 0}),
                                     npy_array("nothing", std::vector<double>{}, {0, 4})};
  for (const NpzCompression compression : {NpzCompression::stored, NpzCompression::deflated}) {
    const std::string file = serialize_npz(arrays, compression);
    EXPECT_EQ(file, serialize_npz(arrays, compression));
    NpzReader reader(bytes_of(file), "FILE");
    EXPECT_THAT(reader.names(), ElementsAre("values", "names", "flags", "nothing"));
    const NpyArray read = reader.read("values");
    EXPECT_THAT(read.shape, ElementsAre(3, 2));
    EXPECT_EQ(npy_to_floats(read, "FILE"), values);
    EXPECT_EQ(npy_to_text(reader.read("names"), "FILE"), names);
    EXPECT_EQ(reader.read("flags").dtype(), "|b1");
    EXPECT_THAT(reader.read("nothing").shape, ElementsAre(0, 4));
    EXPECT_THAT(refusal_of([&] { reader.read("value"); }), AllOf(HasSubstr("'value'"), HasSubstr("names")));
  }
}

TEST(Npz, ReadsWhatNumPyWrites) {
  NpzReader reader(std::filesystem::path(MYNAH_SOURCE_DIR) / "tests/data/written_by_numpy.npz");
  EXPECT_THAT(npy_to_floats(reader.read("single"), "FILE"), ElementsAre(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 2.5f));
  EXPECT_THAT(npy_to_floats(reader.read("fortran"), "FILE"), ElementsAre(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 2.5f));
  EXPECT_THAT(npy_to_floats(reader.read("big_endian"), "FILE"), ElementsAre(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 2.5f));
  EXPECT_THAT(npy_to_floats(reader.read("half"), "FILE"), ElementsAre(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 2.5f));
  EXPECT_THAT(npy_to_integers(reader.read("integers"), "FILE"), ElementsAre(-1, 0, 1));
  EXPECT_THAT(npy_to_flags(reader.read("flags"), "FILE"), ElementsAre(1, 0, 1));
  EXPECT_THAT(npy_to_text(reader.read("text"), "FILE"), ElementsAre("angle", "größe"));
  EXPECT_THAT(refusal_of([&] { reader.read("objects"); }), AllOf(HasSubstr("'objects'"), HasSubstr("pickle")));
}

TEST(Npz, RefusesBombsAndFalseSizes) {
  const std::vector<NpyArray> arrays{npy_array("zeros", std::vector<float>(1 << 20), {1 << 20})};
  const std::string packed = serialize_npz(arrays, NpzCompression::deflated);
  ASSERT_LT(packed.size(), 10000u);
  NpzReader limited(bytes_of(packed), "FILE", 100000);
  EXPECT_THAT(refusal_of([&] { limited.read("zeros"); }), AllOf(HasSubstr("'zeros'"), HasSubstr("beyond the limit")));
  // The limit is for all arrays together.
  NpzReader twice(bytes_of(packed), "FILE", (5 << 20));
  EXPECT_NO_THROW(twice.read("zeros"));
  EXPECT_THAT(refusal_of([&] { twice.read("zeros"); }), HasSubstr("beyond the limit"));

  // The directory's entry (signature PK\1\2, unpacked size at 24) claims four gigabytes less one byte.
  std::string false_size = packed;
  const std::size_t entry = false_size.find("PK\1\2");
  ASSERT_NE(entry, std::string::npos);
  false_size.replace(entry + 24, 4, "\xfe\xff\xff\xff");
  EXPECT_THAT(refusal_of([&] { NpzReader(bytes_of(false_size), "FILE").read("zeros"); }), HasSubstr("'zeros'"));

  // A shape that its bytes do not fill: refused before anything of that size is allocated.
  NpyArray lying = npy_array("x", std::vector<float>{1, 2}, {2});
  lying.shape = {Index{1} << 40};
  const std::string file = serialize_npz(std::vector<NpyArray>{lying});
  EXPECT_THAT(refusal_of([&] { NpzReader(bytes_of(file), "FILE").read("x"); }),
              AllOf(HasSubstr("holds 8 bytes"), HasSubstr("4398046511104")));
}

TEST(Npz, SaysWhatTheFileIsNot) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal_of([&] { NpzReader reader(folder / "absent.npz"); }), HasSubstr("does not exist"));
  EXPECT_THAT(refusal_of([&] { NpzReader reader(folder.path()); }), HasSubstr("is a folder"));
  write_text(folder / "text.npz", "not a zip file at all");
  EXPECT_THAT(refusal_of([&] { NpzReader reader(folder / "text.npz"); }),
              AllOf(HasSubstr("text.npz"), HasSubstr("not a whole npz")));
}

}  // namespace
}  // namespace mynah
