#include "engine/line_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

extern char** environ;

namespace mynah {
namespace {

constexpr std::size_t longest_answer = std::size_t{256} << 20;
constexpr std::size_t kept_errors = 600;  ///< Bytes of standard error.
/// Reads of one stream before others, and the clock, are looked at: a child may write for ever.
constexpr int reads_at_a_time = 64;

std::string system_message(int number) {
  return std::system_category().message(number);
}

void close_once(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

/// Both ends are closed in programs that this process starts.
struct Pipe {
  explicit Pipe(const std::string& command) {
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) return;
    throw input_error("command `" + command + "`", "no pipe to it can be made: " + system_message(errno),
                      "close other programs, or raise the limit of open files");
  }
  ~Pipe() {
    for (int& end : ends) close_once(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  /// Our end, which never blocks.
  int keep(std::size_t end) {
    const int descriptor = std::exchange(ends[end], -1);
    ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    return descriptor;
  }

  std::array<int, 2> ends{-1, -1};  ///< To read from, to write to.
};

/// Holds SIGPIPE back in this thread while a pipe is written to, so that a reader that is gone is an error and no
/// signal, whatever the program does with signals.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &earlier_);
  }
  ~WithoutSigpipe() {
    const timespec at_once{0, 0};
    if (!was_pending_) {
      while (sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &earlier_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t sigpipe_{}, earlier_{};
  bool was_pending_ = false;
};

std::string status_text(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  return fmt::format("ended with exit status {}", code) + (code == 127 ? " (there is no such command)" : "");
}

bool transient(int number) {
  return number == EINTR || number == EAGAIN || number == EWOULDBLOCK;
}

}  // namespace

LineProcess::LineProcess(std::string command) : command_(std::move(command)) {
  if (command_.find_first_not_of(" \t\n") == std::string::npos || command_.find('\0') != std::string::npos) {
    throw input_error("command `" + command_ + "`", "it is empty",
                      "give a command line, such as \"python3 expert.py\"");
  }
  start();
}

void LineProcess::start() {
  Pipe input(command_), output(command_), error(command_);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.ends[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error.ends[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string shell = "sh", option = "-c";
  std::array<char*, 4> arguments{shell.data(), option.data(), command_.data(), nullptr};
  const int failed = ::posix_spawn(&child_, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    child_ = -1;
    throw input_error("command `" + command_ + "`", "it cannot be started: " + system_message(failed),
                      "look at the limits of processes and memory");
  }
  input_ = input.keep(1);
  output_ = output.keep(0);
  error_ = error.keep(0);
}

LineProcess::~LineProcess() {
  close_once(input_);
  if (!reap(std::chrono::seconds(1))) kill_group();
  close_once(output_);
  close_once(error_);
}

/// Waits until the child has ended, kills what it has left running, and collects its status. Returns false when it has
/// not ended.
bool LineProcess::reap(std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (child_ > 0) {
    siginfo_t information{};
    const int failed = ::waitid(P_PID, static_cast<id_t>(child_), &information, WEXITED | WNOHANG | WNOWAIT);
    if (failed == 0 && information.si_pid == child_) {
      ::kill(-child_, SIGKILL);  // the number is nobody else's until the status is collected
      ended_ = ::waitpid(child_, &status_, 0) == child_;
      child_ = -1;
    } else if (failed != 0 && errno == ECHILD) {
      child_ = -1;  // somebody else has collected it
    } else if (Clock::now() >= deadline) {
      return false;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  return true;
}

void LineProcess::kill_group() {
  if (child_ <= 0) return;
  ::kill(-child_, SIGKILL);
  reap(std::chrono::seconds(10));
}

void LineProcess::receive_errors() {
  std::array<char, 4096> bytes{};
  for (int reads = 0; error_ >= 0 && reads < reads_at_a_time; ++reads) {
    const ssize_t count = ::read(error_, bytes.data(), bytes.size());
    if (count > 0) {
      errors_.append(bytes.data(), static_cast<std::size_t>(count));
      if (errors_.size() > kept_errors) errors_.erase(0, errors_.size() - kept_errors);
    } else if (count == 0 || !transient(errno)) {
      close_once(error_);
    } else if (errno != EINTR) {
      return;
    }
  }
}

/// Takes of what its output holds. Returns false at the end of it.
bool LineProcess::receive() {
  std::array<char, 65536> bytes{};
  for (int reads = 0; reads < reads_at_a_time; ++reads) {
    const ssize_t count = ::read(output_, bytes.data(), bytes.size());
    if (count == 0 || (count < 0 && !transient(errno))) return false;
    if (count < 0 && errno != EINTR) return true;
    if (count > 0) received_.append(bytes.data(), static_cast<std::size_t>(count));
    if (received_.size() > longest_answer) fail("its answer has no end", "answer with one line of JSON");
  }
  return true;
}

/// Writes what the pipe takes of `rest`. Returns false where nobody reads any more.
bool LineProcess::send(std::string_view& rest) {
  const WithoutSigpipe guard;
  while (!rest.empty()) {
    const ssize_t count = ::write(input_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return transient(errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void LineProcess::refuse_unasked() {
  if (!receive() && received_.empty()) fail_ended();
  if (received_.empty()) return;
  fail("it wrote something that was not asked for: " + excerpt(received_),
       "write one line for each line read, and other messages to standard error");
}

/// Waits until something can be sent or received, and does so.
void LineProcess::step(std::string_view& rest, Clock::time_point deadline, std::chrono::duration<double> timeout) {
  std::array<pollfd, 3> waiting{{{rest.empty() ? -1 : input_, POLLOUT, 0}, {output_, POLLIN, 0}, {error_, POLLIN, 0}}};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count() + 1;
  const int ready =
      left <= 0 ? 0 : ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<long>(left, 60'000)));
  if (ready < 0 && errno != EINTR) fail("waiting for it failed: " + system_message(errno), "");
  if (waiting[2].revents != 0) receive_errors();
  if (waiting[0].revents != 0 && !send(rest)) rest = {};  // it may still answer; else its output ends
  if (waiting[1].revents != 0 && !receive() && received_.find('\n') == std::string::npos) fail_ended();
  if (received_.find('\n') == std::string::npos && Clock::now() >= deadline) {
    fail(fmt::format("it gave no answer within {:g} s", timeout.count()) +
             (received_.empty() ? "" : ", but the beginning of a line: " + excerpt(received_)),
         "write a whole line and flush it, or allow more time");
  }
}

std::string LineProcess::exchange(std::string_view line, std::chrono::duration<double> timeout) {
  if (output_ < 0) fail("it was ended before", "");
  receive_errors();
  refuse_unasked();
  const Clock::time_point deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  std::string message(line);
  message += '\n';
  std::string_view rest = message;
  std::size_t end = std::string::npos;
  while ((end = received_.find('\n')) == std::string::npos) step(rest, deadline, timeout);
  if (!rest.empty()) {
    fail("it answered before it had read the whole question: " + excerpt(received_.substr(0, end)),
         "read a whole line, then write one");
  }
  std::string answer = received_.substr(0, end);
  received_.erase(0, end + 1);
  if (!answer.empty() && answer.back() == '\r') answer.pop_back();
  return answer;
}

std::string LineProcess::last_words() {
  receive_errors();
  std::string text;
  for (const char c : errors_) text += c == '\n' ? ' ' : (c >= 0x20 && c < 0x7f ? c : '?');
  const std::size_t end = text.find_last_not_of(' ');
  if (end == std::string::npos) return "";
  return "; its standard error: " + text.substr(0, end + 1);
}

void LineProcess::fail_ended() {
  const bool gone = reap(std::chrono::seconds(1));
  const std::string unfinished = received_.empty() ? "" : ", after an unfinished line: " + excerpt(received_);
  fail((gone && ended_ ? "it " + status_text(status_) : "it closed its standard output") + unfinished,
       "answer every line until standard input ends; run the command by hand to see what is wrong");
}

void LineProcess::fail(const std::string& problem, const std::string& remedy) {
  const std::string words = last_words();
  close_once(input_);
  kill_group();
  close_once(output_);
  close_once(error_);
  throw input_error("command `" + command_ + "`", problem + words, remedy);
}

}  // namespace mynah
