#include "engine/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>

#include "kernels/error.h"
#include "tests/temporary_folder.h"

namespace mynah {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SafetensorsTest : public ::testing::Test {
 protected:
  SafetensorsFile example() {
    SafetensorsFile file;
    file.metadata = {{"kind", "policy"}, {"self-test", "a \"quoted\" text\n"}};
    file.add_bytes("flags", {3}, std::vector<std::uint8_t>{1, 0, 1});
    file.add_floats("0.weight", {2, 3}, std::vector<float>{0, 1, 2, 3, 4, 5});
    file.add_floats("0.bias", {2}, std::vector<float>{-1, 0.5F});
    file.add_int64("step", {}, std::vector<std::int64_t>{12345678901});
    file.add_floats("nothing", {0, 7}, {});
    return file;
  }

  TemporaryFolder temporary_;
  std::filesystem::path folder_ = temporary_.path();
};

std::vector<std::byte> image_of(const std::string& header, std::size_t data_size) {
  std::vector<std::byte> image(8 + header.size() + data_size);
  const std::uint64_t size = header.size();
  std::memcpy(image.data(), &size, 8);
  std::memcpy(image.data() + 8, header.data(), header.size());
  return image;
}

/// The message with which an image is refused.
std::string refusal(const std::string& header, std::size_t data_size) {
  try {
    parse_safetensors(image_of(header, data_size), "FILE");
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST_F(SafetensorsTest, ComesBackAsItWasSaved) {
  const SafetensorsFile file = example();
  save_safetensors(folder_ / "a.safetensors", file);
  const SafetensorsFile loaded = load_safetensors(folder_ / "a.safetensors");
  EXPECT_EQ(loaded.metadata, file.metadata);
  EXPECT_EQ(loaded.tensors, file.tensors);
  EXPECT_EQ(loaded.origin, (folder_ / "a.safetensors").string());
}

TEST_F(SafetensorsTest, SameContentSameBytesAndAlignedData) {
  const auto image = serialize_safetensors(example());
  EXPECT_EQ(image, serialize_safetensors(example()));
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, image.data(), 8);
  EXPECT_EQ(header_size % 8, 0U);
  const std::string header(reinterpret_cast<const char*>(image.data()) + 8, header_size);
  // The 8-byte element comes first, the odd bytes last; the list stays in the order given.
  EXPECT_THAT(header, HasSubstr(R"("flags":{"dtype":"U8","shape":[3],"data_offsets":[40,43]},"0.weight")"));
  EXPECT_THAT(header, HasSubstr(R"("step":{"dtype":"I64","shape":[],"data_offsets":[0,8]})"));
}

TEST_F(SafetensorsTest, ReadsWhatThePythonPackageWrote) {
  const SafetensorsFile file = load_safetensors(MYNAH_SOURCE_DIR "/tests/data/written_by_python.safetensors");
  EXPECT_EQ(file.metadata_at("format"), "pt");
  EXPECT_EQ(file.metadata_at("text"), "größe \"x\"\n");
  EXPECT_EQ(file.tensors.size(), 10U);
  EXPECT_THAT(file.floats("0.weight"), ElementsAre(0, .25F, .5F, .75F, 1, 1.25F));
  EXPECT_THAT(file.at("0.weight").shape, ElementsAre(2, 3));
  EXPECT_THAT(file.floats("0.bias"), ElementsAre(1.5F, -2.25F));
  EXPECT_THAT(file.floats("half"), ElementsAre(1, -.5F, 65504, 0x1p-24F, std::numeric_limits<float>::infinity()));
  EXPECT_THAT(file.floats("brain"), ElementsAre(1, -3, ::testing::FloatNear(1e30F, 4e27F)));
  EXPECT_THAT(file.doubles("double"), ElementsAre(3.141592653589793));
  EXPECT_TRUE(file.at("double").shape.empty());
  EXPECT_THAT(file.floats("double"), ElementsAre(3.1415927F));
  EXPECT_THAT(file.int64s("counts"), ElementsAre(1, -2, std::int64_t{1} << 40));
  EXPECT_THAT(file.int64s("small"), ElementsAre(7, -7));
  EXPECT_THAT(file.int64s("flags"), ElementsAre(1, 0, 1));
  EXPECT_THAT(file.int64s("pixels"), ElementsAre(0, 128, 255));
  EXPECT_TRUE(file.floats("empty").empty());
  EXPECT_THAT(file.at("empty").shape, ElementsAre(0, 4));
  // Written again and read again, nothing has changed.
  const auto again = parse_safetensors(serialize_safetensors(file), "again");
  EXPECT_EQ(again.tensors, file.tensors);
  EXPECT_EQ(again.metadata, file.metadata);
}

TEST_F(SafetensorsTest, EveryHalfIsReadAsThePythonPackageReadsIt) {
  SafetensorsFile file;
  NamedTensor half{"half", TensorType::f16, {65536}, std::vector<std::byte>(131072)};
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto value = static_cast<std::uint16_t>(bits);
    std::memcpy(half.bytes.data() + 2 * bits, &value, 2);
  }
  file.tensors.push_back(half);
  const auto values = file.floats("half");
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    // IEEE 754, 5 bits of exponent with bias 15, 10 bits of fraction, in exact double arithmetic.
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double fraction = bits & 1023;
    const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    const double expected = (bits >> 15) != 0 ? -magnitude : magnitude;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(values[bits]), fraction != 0) << bits;
      EXPECT_EQ(std::isinf(values[bits]), fraction == 0) << bits;
    } else {
      ASSERT_EQ(values[bits], expected) << bits;
    }
    EXPECT_EQ(std::signbit(values[bits]), bits >> 15 != 0) << bits;
  }
}

TEST_F(SafetensorsTest, AsksForWhatIsNotThere) {
  SafetensorsFile file = example();
  file.origin = "policy.safetensors";
  const auto message = [](const auto& action) -> std::string {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(
      message([&] { file.at("1.weight"); }),
      AllOf(HasSubstr("policy.safetensors: tensor '1.weight': there is no such"), HasSubstr("0.weight, 0.bias")));
  EXPECT_THAT(message([&] { file.at("0.weight", {2, 4}); }), HasSubstr("its shape is [2, 3], and [2, 4] is needed"));
  EXPECT_THAT(message([&] { file.floats("step"); }), HasSubstr("its type is I64"));
  EXPECT_THAT(message([&] { file.int64s("0.bias"); }), HasSubstr("its type is F32"));
  EXPECT_THAT(message([&] { file.doubles("step"); }), HasSubstr("its type is I64"));
  EXPECT_THAT(message([&] { file.metadata_at("task"); }), HasSubstr("no entry 'task'"));
  EXPECT_THAT(message([&] { file.add_floats("0.bias", {1}, std::vector<float>{1}); }), HasSubstr("added twice"));
  EXPECT_THAT(message([&] { file.add_floats("new", {2}, std::vector<float>{1}); }), HasSubstr("1 values given for"));
  EXPECT_THAT(message([&] { load_safetensors("/nowhere/a.safetensors"); }), HasSubstr("there is no such file"));
  EXPECT_THAT(message([&] { load_safetensors(folder_); }), HasSubstr("it cannot be read"));
}

TEST_F(SafetensorsTest, RefusesWhatTheFormatForbids) {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(refusal(good, 8), "accepted");
  EXPECT_EQ(refusal(good + "      ", 8), "accepted");
  EXPECT_EQ(refusal("{}", 0), "accepted");
  EXPECT_THAT(refusal(good, 7), HasSubstr("FILE: tensor 'a': its range [0, 8) leaves the file's 7 bytes"));
  EXPECT_THAT(refusal(good, 9), HasSubstr("its last 1 bytes belong to no tensor"));
  EXPECT_THAT(refusal(" " + good, 8), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(refusal(good + std::string(1, '\0'), 8), HasSubstr("a zero byte"));
  EXPECT_THAT(refusal("[1]", 0), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(refusal("{}x", 0), HasSubstr("not JSON at byte 11"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
              HasSubstr("shape [3] of F32 is 12 bytes, and its range [0, 8) is 8"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8), HasSubstr("of type 'F33'"));
  EXPECT_THAT(refusal(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8), HasSubstr("lacks one of dtype"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), HasSubstr("negative size -2"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8), HasSubstr("'2.0'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", 8), HasSubstr("3 numbers"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), HasSubstr("leaves the file"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", 8),
              HasSubstr("larger than memory can be"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8),
              HasSubstr("larger than memory can be"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999999]}})", 8),
              HasSubstr("no size"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8"}})", 2),
              HasSubstr("tensor 'a': stands twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2),
              HasSubstr("has 'dtype' twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"1","k":"2"}})", 0), HasSubstr("has 'k' twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":1}})", 0), HasSubstr("'__metadata__': has a number"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":{}}})", 0), HasSubstr("has an object"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[[2]],"data_offsets":[0,2]}})", 2), HasSubstr("has an array"));
  EXPECT_THAT(refusal(R"({"a":7})", 0), HasSubstr("tensor 'a': has a number"));
  EXPECT_THAT(refusal(R"({"a":null})", 0), HasSubstr("'null'"));
  EXPECT_THAT(refusal(R"({"a":true})", 0), HasSubstr("truth value"));
  EXPECT_THAT(refusal("{\"\xff\":{}}", 0), HasSubstr("not JSON"));
  const std::string two = R"("b":{"dtype":"U8","shape":[2],"data_offsets":)";
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)" + two + "[1,3]}}", 3),
              HasSubstr("tensor 'b': its range begins at 1, inside another"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)" + two + "[3,5]}}", 5),
              HasSubstr("tensor 'b': 1 bytes before its range belong to no tensor"));
  EXPECT_THAT(refusal(std::string(100000, '[').insert(0, "{\"a\":"), 0), HasSubstr("has an array"));
}

TEST_F(SafetensorsTest, RefusesHeaderLengthsThatCannotBe) {
  auto image = image_of("{}", 0);
  const auto with_length = [&](std::uint64_t length) {
    std::memcpy(image.data(), &length, 8);
    try {
      parse_safetensors(image, "FILE");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(with_length(2), "accepted");
  EXPECT_THAT(with_length(3), HasSubstr("claims 3 bytes, and 2 are left"));
  EXPECT_THAT(with_length(0), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(with_length(100'000'001), HasSubstr("the format allows 100000000"));
  EXPECT_THAT(with_length(std::numeric_limits<std::uint64_t>::max()), HasSubstr("the format allows"));
}

TEST_F(SafetensorsTest, EveryCutIsRefused) {
  const auto image = serialize_safetensors(example());
  for (std::size_t size = 0; size < image.size(); ++size) {
    try {
      parse_safetensors(std::span(image).first(size), "FILE");
      ADD_FAILURE() << "accepted when cut to " << size;
    } catch (const Error& error) {
      ASSERT_EQ(error.cause(), Error::Cause::input) << size;
      ASSERT_THAT(error.place(), HasSubstr("FILE")) << size;
      ASSERT_FALSE(error.problem().empty()) << size;
    }
  }
}

TEST_F(SafetensorsTest, EveryFlippedByteIsReadOrRefusedInWords) {
  const auto image = serialize_safetensors(example());
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, image.data(), 8);
  int refused = 0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    for (int flip = 1; flip < 256; ++flip) {
      auto damaged = image;
      damaged[i] ^= static_cast<std::byte>(flip);
      try {
        const auto file = parse_safetensors(damaged, "FILE");
        ASSERT_GE(i, 8U) << "a length of the header that is wrong cannot be right";
        for (const NamedTensor& tensor : file.tensors) {
          ASSERT_EQ(static_cast<Index>(tensor.bytes.size()), tensor.elements() * element_size(tensor.type));
        }
      } catch (const Error& error) {
        ++refused;
        ASSERT_LT(i, 8 + header_size) << "data can be anything";
        ASSERT_EQ(error.cause(), Error::Cause::input);
        ASSERT_THAT(error.place(), HasSubstr("FILE"));
      }
    }
  }
  EXPECT_GT(refused, 10000);
}

TEST_F(SafetensorsTest, FullDiskLeavesTheEarlierFile) {
  const auto path = folder_ / "policy.safetensors";
  save_safetensors(path, example());
  SafetensorsFile large;
  large.add_floats("w", {100000}, std::vector<float>(100000, 1.0F));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 65536;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message = "no error";
  try {
    save_safetensors(path, large);
  } catch (const Error& error) {
    message = error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);

  EXPECT_THAT(message, AllOf(HasSubstr(path.string()), HasSubstr("limit")));
  EXPECT_EQ(load_safetensors(path).tensors, example().tensors);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "nothing is left aside";
}

TEST_F(SafetensorsTest, UnwritableFolderIsNamed) {
  const auto path = folder_ / "missing" / "policy.safetensors";
  try {
    save_safetensors(path, example());
    FAIL() << "written into a folder that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path.string()), HasSubstr("does not exist")));
  }
}

}  // namespace
}  // namespace mynah
