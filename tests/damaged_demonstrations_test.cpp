#include <gtest/gtest.h>

#include <functional>

#include "demonstrations_fixture.h"
#include "engine/demonstrations_formats.h"

namespace mynah {
namespace {

using Reader = std::function<Demonstrations(const std::string&)>;

/// How often damage was refused, and how often it went unnoticed or did no harm.
struct Outcome {
  int refused = 0;
  int read = 0;
};

/// Either a valid data set or an Error that says what and where: nothing else may come out of damaged bytes.
void try_to_read(const Reader& reader, const std::string& bytes, const std::string& damage, Outcome& outcome) {
  try {
    const Demonstrations d = reader(bytes);
    ASSERT_NO_THROW(d.validate()) << damage;
    ++outcome.read;
  } catch (const Error& error) {
    ASSERT_EQ(error.cause(), Error::Cause::input) << damage << ": " << error.what();
    ASSERT_EQ(error.place().rfind("FILE", 0), 0u) << damage << ": " << error.what();
    ASSERT_FALSE(error.problem().empty()) << damage;
    ASSERT_FALSE(error.remedy().empty()) << damage << ": " << error.what();
    ++outcome.refused;
  } catch (const std::exception& other) {
    FAIL() << damage << ": " << other.what();
  }
}

Outcome cut_everywhere(const Reader& reader, const std::string& bytes) {
  Outcome outcome;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    try_to_read(reader, bytes.substr(0, size), "cut to " + std::to_string(size) + " bytes", outcome);
    if (::testing::Test::HasFatalFailure()) break;
  }
  return outcome;
}

Outcome flip_everywhere(const Reader& reader, const std::string& bytes) {
  Outcome outcome;
  for (std::size_t position = 0; position < bytes.size(); ++position) {
    for (const int mask : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[position] = static_cast<char>(damaged[position] ^ mask);
      try_to_read(reader, damaged, "byte " + std::to_string(position) + " ^ " + std::to_string(mask), outcome);
      if (::testing::Test::HasFatalFailure()) return outcome;
    }
  }
  return outcome;
}

Demonstrations read_npz(const std::string& bytes) {
  LoadOptions options;
  options.max_bytes = 1 << 20;
  return parse_demonstrations_npz(std::as_bytes(std::span(bytes)), "FILE", options);
}
Demonstrations read_csv(const std::string& text) {
  return parse_demonstrations_csv(text, "FILE");
}
Demonstrations read_jsonl(const std::string& text) {
  return parse_demonstrations_jsonl(text, "FILE");
}

std::string small_npz(NpzCompression compression) {
  const std::vector<float> observations{0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<std::int64_t> labels{0, 1, 1, 0};
  const std::vector<std::int64_t> ends{2, 4};
  const std::vector<NpyArray> arrays{npy_array("observations", observations, {4, 2}), npy_array("actions", labels, {4}),
                                     npy_array_of_flags("terminals", std::vector<std::uint8_t>{0, 1, 0, 1}),
                                     npy_array("episode_ends", ends, {2}),
                                     npy_array_of_text("observation_names", std::vector<std::string>{"x", "y"})};
  return serialize_npz(arrays, compression);
}

const char* const small_csv =
    "episode,observation_x,observation_y,action_0,reward,terminal\r\n"
    "1,0.5,-2e-3,0.25,1,0\r\n"
    "1,\"1.5\",3,-1,2,1\r\n"
    "two,+7,8,0,3,false\n";

const char* const small_steps =
    "{\"episode\": 0, \"observation\": [0.5, -2e-3], \"action\": 1, \"reward\": 1.0, \"terminal\": false}\n"
    "{\"episode\": 0, \"observation\": [1.5, 3], \"action\": 0, \"reward\": 2.0, \"terminal\": true, \"x\": [{}, "
    "\"y\"]}\n"
    "{\"episode\": \"b\", \"observation\": [7, 8], \"action\": [2], \"reward\": 3.0}\n";

const char* const small_episodes =
    "{\"observations\": [[1, 2], [3, 4], [5, 6]], \"actions\": [[0.5], [1]], \"rewards\": [1, 2], \"terminal\": true}\n"
    "{\"observations\": [[7, 8], [9, 1]], \"actions\": [[-1]], \"rewards\": [4], \"terminals\": [0]}\n";

TEST(DamagedDemonstrations, StoredNpz) {
  const std::string bytes = small_npz(NpzCompression::stored);
  ASSERT_NO_THROW(read_npz(bytes));
  EXPECT_EQ(cut_everywhere(read_npz, bytes).read, 0);
  EXPECT_GT(flip_everywhere(read_npz, bytes).refused, 9 * static_cast<int>(bytes.size()) / 2);
}

TEST(DamagedDemonstrations, DeflatedNpz) {
  const std::string bytes = small_npz(NpzCompression::deflated);
  ASSERT_NO_THROW(read_npz(bytes));
  EXPECT_EQ(cut_everywhere(read_npz, bytes).read, 0);
  EXPECT_GT(flip_everywhere(read_npz, bytes).refused, 0);
}

TEST(DamagedDemonstrations, Csv) {
  ASSERT_NO_THROW(read_csv(small_csv));
  EXPECT_GT(cut_everywhere(read_csv, small_csv).refused, 0);
  EXPECT_GT(flip_everywhere(read_csv, small_csv).refused, 0);
}

TEST(DamagedDemonstrations, JsonLinesOfSteps) {
  ASSERT_NO_THROW(read_jsonl(small_steps));
  EXPECT_GT(cut_everywhere(read_jsonl, small_steps).refused, 0);
  EXPECT_GT(flip_everywhere(read_jsonl, small_steps).refused, 0);
}

TEST(DamagedDemonstrations, JsonLinesOfEpisodes) {
  ASSERT_NO_THROW(read_jsonl(small_episodes));
  EXPECT_GT(cut_everywhere(read_jsonl, small_episodes).refused, 0);
  EXPECT_GT(flip_everywhere(read_jsonl, small_episodes).refused, 0);
}

}  // namespace
}  // namespace mynah
