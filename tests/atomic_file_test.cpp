#include "engine/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "demonstrations_fixture.h"

namespace mynah {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(AtomicFile, ReplacesAWholeFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "first");
  write_file_atomically(folder / "a", "second");
  EXPECT_EQ(read_text(folder / "a"), "second");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(AtomicFile, WithoutCommitTheEarlierFileStays) {
  const TemporaryFolder folder;
  write_text(folder / "a", "earlier");
  {
    AtomicFile file(folder / "a");
    file.write("half of the n");
    EXPECT_EQ(read_text(folder / "a"), "earlier");
  }
  EXPECT_EQ(read_text(folder / "a"), "earlier");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(AtomicFile, KeepsPermissionsAndLinks) {
  const TemporaryFolder folder;
  write_text(folder / "real", "earlier");
  ASSERT_EQ(::chmod((folder / "real").c_str(), 0640), 0);
  std::filesystem::create_symlink("real", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "real"), "new");
  struct stat status {};
  ASSERT_EQ(::stat((folder / "real").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
}

TEST(AtomicFile, RemovesWhatAKilledWriterLeftButNotWhatALivingOneWrites) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder / "a");
    file.write("never finished");
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(folder.files(), 1u);
  AtomicFile living(folder / "a");
  living.write("by the living");
  write_file_atomically(folder / "a", "by another");
  EXPECT_EQ(folder.files(), 2u);  // the file, and what the living writer has aside
  living.commit();
  EXPECT_EQ(read_text(folder / "a"), "by the living");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(AtomicFile, NamesWhatIsWrongWithTheTarget) {
  const TemporaryFolder folder;
  const auto write_to = [](const std::filesystem::path& path) {
    return refusal_of([&] { write_file_atomically(path, "x"); });
  };
  EXPECT_THAT(write_to(folder / "absent/a"),
              AllOf(HasSubstr("absent/a"), HasSubstr("does not exist"), HasSubstr("mkdir")));
  EXPECT_THAT(write_to(folder.path()), HasSubstr("is a folder"));
  EXPECT_THAT(write_to("/dev/full"), HasSubstr("not a regular file"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST(AtomicFile, UnwritableFolder) {
  const TemporaryFolder folder;
  write_text(folder / "a", "earlier");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0555), 0);
  const bool root = ::geteuid() == 0;  // for whom permissions mean nothing
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const std::string message = refusal_of([&] { write_file_atomically(folder / "a", "new"); });
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_THAT(message, AllOf(HasSubstr((folder / "a").string()), HasSubstr("not writable"), HasSubstr("chmod")));
  EXPECT_EQ(read_text(folder / "a"), "earlier");
}

/// A disk that fills up cannot be had without privileges; a file-size limit stops a write in the middle in the same
/// way.
TEST(AtomicFile, AWriteThatStopsInTheMiddleLeavesTheEarlierFile) {
  const TemporaryFolder folder;
  write_text(folder / "a", "earlier");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = refusal_of([&] { write_file_atomically(folder / "a", std::string(5000, 'x')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, AllOf(HasSubstr((folder / "a").string()), HasSubstr("after 1000 bytes"), HasSubstr("intact")));
  EXPECT_EQ(read_text(folder / "a"), "earlier");
  EXPECT_EQ(folder.files(), 1u);
}

}  // namespace
}  // namespace mynah
