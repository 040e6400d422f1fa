#include "engine/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/file_bytes.h"
#include "kernels/error.h"
#include "tests/temporary_folder.h"

namespace mynah {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The lines as JSON, without the field that differs from run to run.
std::vector<std::string> lines_of(const fs::path& folder) {
  std::ifstream file(folder / "metrics.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    auto json = nlohmann::ordered_json::parse(line);
    EXPECT_GT(json.at("wall_time").get<double>(), 1.6e9);
    json.erase("wall_time");
    lines.push_back(json.dump());
  }
  return lines;
}

std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

template <class T>
T take(std::string_view& bytes) {
  T value{};
  if (bytes.size() < sizeof(T)) throw std::runtime_error("record is too short");
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = take<std::uint8_t>(bytes);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("varint is too long");
}

std::string_view take_text(std::string_view& bytes) {
  const std::uint64_t size = take_varint(bytes);
  if (size > bytes.size()) throw std::runtime_error("text is too long");
  const std::string_view text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return text;
}

/// What the test understands of an Event message.
struct DecodedEvent {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string version;
  bool restart = false;
  std::map<std::string, float> values;
};

void decode_value(std::string_view bytes, DecodedEvent& event) {
  std::string tag;
  while (!bytes.empty()) {
    const std::uint64_t field = take_varint(bytes);
    if (field == (1 << 3 | 2)) {
      tag = take_text(bytes);
    } else if (field == (2 << 3 | 5)) {
      event.values[tag] = take<float>(bytes);
    } else {
      throw std::runtime_error("unknown field in a value");
    }
  }
}

DecodedEvent decode_event(std::string_view bytes) {
  DecodedEvent event;
  while (!bytes.empty()) {
    const std::uint64_t field = take_varint(bytes);
    if (field == (1 << 3 | 1)) {
      event.wall_time = take<double>(bytes);
    } else if (field == (2 << 3 | 0)) {
      event.step = static_cast<std::int64_t>(take_varint(bytes));
    } else if (field == (3 << 3 | 2)) {
      event.version = take_text(bytes);
    } else if (field == (7 << 3 | 2)) {
      event.restart = take_text(bytes) == "\x08\x01";
    } else if (field == (5 << 3 | 2)) {
      std::string_view summary = take_text(bytes);
      while (!summary.empty()) {
        if (take_varint(summary) != (1 << 3 | 2)) throw std::runtime_error("unknown field in a summary");
        decode_value(take_text(summary), event);
      }
    } else {
      throw std::runtime_error("unknown field in an event");
    }
  }
  return event;
}

/// Takes the records apart and checks both sums of each.
std::vector<DecodedEvent> decode_file(const fs::path& path) {
  const std::string file = read_file_bytes(path);
  std::vector<DecodedEvent> events;
  for (std::string_view bytes = file; !bytes.empty();) {
    const std::string_view length_bytes = bytes.substr(0, 8);
    const auto length = take<std::uint64_t>(bytes);
    EXPECT_EQ(take<std::uint32_t>(bytes), masked_crc32c(length_bytes));
    const std::string_view data = bytes.substr(0, length);
    bytes.remove_prefix(length);
    EXPECT_EQ(take<std::uint32_t>(bytes), masked_crc32c(data));
    events.push_back(decode_event(data));
  }
  return events;
}

TEST(Metrics, LinesAreJson) {
  const TemporaryFolder folder;
  MetricsWriter metrics(folder.path());
  metrics.write(10, 1, {{"train_loss", 0.1}, {"validation/loss", 1e-300}});
  metrics.write(20, 2, {{"train_loss", std::nan("")}, {"gap", -std::numeric_limits<double>::infinity()}});
  metrics.write(30, 3, {});
  metrics.flush();
  EXPECT_THAT(lines_of(folder.path()),
              ElementsAre(R"({"step":10,"epoch":1,"train_loss":0.1,"validation/loss":1e-300})",
                          R"({"step":20,"epoch":2,"train_loss":null,"gap":null})", R"({"step":30,"epoch":3})"));
}

TEST(Metrics, EventFileIsWhatTensorBoardReads) {
  const TemporaryFolder folder;
  {
    MetricsWriter metrics(folder.path());
    metrics.write(300, 1, {{"train_loss", 0.25}, {"validation_loss", std::nan("")}});
    metrics.write(std::int64_t{1} << 40, 2, {{"train_loss", -1e30}});
  }
  const auto files = event_files(folder.path());
  ASSERT_EQ(files.size(), 1U);
  const auto events = decode_file(files[0]);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_TRUE(events[1].restart);
  EXPECT_EQ(events[1].step, 0);
  EXPECT_EQ(events[2].step, 300);
  EXPECT_EQ(events[2].values.at("train_loss"), 0.25F);
  EXPECT_TRUE(std::isnan(events[2].values.at("validation_loss")));
  EXPECT_EQ(events[3].step, std::int64_t{1} << 40);
  EXPECT_EQ(events[3].values.at("train_loss"), -1e30F);
  for (const auto& event : events) EXPECT_GT(event.wall_time, 1.6e9);
}

TEST(Metrics, ResumedRunHasTheLinesOfTheUninterruptedOne) {
  const auto write = [](MetricsWriter& metrics, Index first, Index last) {
    for (Index epoch = first; epoch <= last; ++epoch) {
      metrics.write(100 * epoch, epoch, {{"loss", 1.0 / static_cast<double>(epoch)}});
    }
  };
  const TemporaryFolder whole;
  {
    MetricsWriter metrics(whole.path());
    write(metrics, 1, 10);
  }
  const TemporaryFolder killed;
  {
    MetricsWriter metrics(killed.path());
    write(metrics, 1, 7);
  }
  std::ofstream(killed.path() / "metrics.jsonl", std::ios::app) << R"({"step":800,"epoch":8,"lo)";
  {
    MetricsWriter metrics(killed.path(), 500);
    EXPECT_EQ(lines_of(killed.path()).size(), 5U);
    write(metrics, 6, 10);
  }
  EXPECT_EQ(lines_of(killed.path()), lines_of(whole.path()));

  const auto files = event_files(killed.path());
  ASSERT_EQ(files.size(), 2U) << "each process has a file of its own, and their names sort by time";
  EXPECT_EQ(decode_file(files[0]).back().step, 700);
  const auto events = decode_file(files[1]);
  EXPECT_TRUE(events[1].restart);
  EXPECT_EQ(events[1].step, 501);
  EXPECT_EQ(events[2].step, 600);
}

TEST(Metrics, StartingAfreshEmptiesTheLines) {
  const TemporaryFolder folder;
  MetricsWriter(folder.path()).write(1, 1, {});
  EXPECT_EQ(lines_of(folder.path()).size(), 1U);
  MetricsWriter(folder.path()).flush();
  EXPECT_EQ(lines_of(folder.path()).size(), 0U);
  MetricsWriter(folder.path(), 5).write(6, 1, {});
  EXPECT_THAT(lines_of(folder.path()), ElementsAre(R"({"step":6,"epoch":1})"));
}

TEST(Metrics, AForeignLineIsRefusedAndKept) {
  const TemporaryFolder folder;
  const std::string text = "{\"step\":1}\nhello\n{\"step\":3}\n";
  std::ofstream(folder.path() / "metrics.jsonl") << text;
  try {
    MetricsWriter metrics(folder.path(), 2);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("metrics.jsonl:2: this line is no JSON object"));
  }
  EXPECT_EQ(read_file_bytes(folder.path() / "metrics.jsonl"), text);
}

TEST(Metrics, AreGatheredAndWrittenOnceASecond) {
  const TemporaryFolder folder;
  const auto begin = std::chrono::steady_clock::now();
  MetricsWriter metrics(folder.path());
  metrics.write(1, 1, {{"loss", 1}});
  const auto size = fs::file_size(folder.path() / "metrics.jsonl");
  // On a machine so busy that a second has gone by, the line may be there.
  if (std::chrono::steady_clock::now() - begin < std::chrono::seconds(1)) {
    EXPECT_EQ(size, 0U);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  metrics.write(2, 2, {{"loss", 1}});
  EXPECT_EQ(lines_of(folder.path()).size(), 2U);
  metrics.write(3, 3, {{"loss", 1}});
  metrics.sync();
  EXPECT_EQ(lines_of(folder.path()).size(), 3U);
}

TEST(Metrics, BadNamesAndBadPlacesAreRefused) {
  const TemporaryFolder folder;
  MetricsWriter metrics(folder.path());
  for (const char* name : {"", "step", "epoch", "wall_time", "a\"b", "a\\b", "a\nb"}) {
    EXPECT_THROW(metrics.write(1, 1, {{"fine", 1}, {name, 1}}), Error) << name;
  }
  metrics.flush();
  EXPECT_EQ(lines_of(folder.path()).size(), 0U) << "a refused line leaves nothing behind";
  EXPECT_THROW(MetricsWriter(folder.path() / "none"), Error);
  EXPECT_THROW(MetricsWriter(folder.path() / "none", 3), Error);
}

TEST(Metrics, FullDiskIsReported) {
  const TemporaryFolder folder;
  MetricsWriter metrics(folder.path());
  metrics.write(1, 1, {{"loss", 1}});
  metrics.flush();
  for (int step = 2; step < 200; ++step) metrics.write(step, step, {{"loss", 1}});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message = "no error";
  try {
    metrics.flush();
  } catch (const Error& error) {
    message = error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("metrics.jsonl: it could not be written"));
  // With space again, nothing is lost and nothing stands twice.
  metrics.flush();
  EXPECT_EQ(lines_of(folder.path()).size(), 199U);
}

}  // namespace
}  // namespace mynah
