#include "tests/program/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

void redirect(int descriptor, const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(126);
  ::close(file);
}

void limit_files(std::uint64_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(126);
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments, int kill_after_ms, std::uint64_t file_size_limit) {
  return run_other_program(MYNAH_PROGRAM, arguments, kill_after_ms, file_size_limit);
}

ProgramResult run_other_program(const std::string& program, const std::vector<std::string>& arguments,
                                int kill_after_ms, std::uint64_t file_size_limit) {
  const TemporaryFolder folder;
  std::vector<char*> argv;
  std::vector<std::string> owned{program};
  owned.insert(owned.end(), arguments.begin(), arguments.end());
  argv.reserve(owned.size() + 1);
  for (std::string& one : owned) argv.push_back(one.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    redirect(STDOUT_FILENO, folder.path() / "out");
    redirect(STDERR_FILENO, folder.path() / "err");
    if (file_size_limit > 0) limit_files(file_size_limit);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  if (kill_after_ms >= 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kill_after_ms));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(folder.path() / "out"),
          read_file(folder.path() / "err")};
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace mynah::tests
