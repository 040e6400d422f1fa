#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

namespace mynah {

/// A child program that is talked to in lines: one is written to its standard input, one read from its standard output.
///
/// The command runs in /bin/sh -c, so that pipes and quotes mean what they mean there, in a process group of its own:
/// Ctrl-C in a terminal does not reach it. Its standard error is read too, and its end is quoted in errors. Whoever
/// makes a LineProcess also ends it: the destructor closes the child's standard input, waits a second for it to end,
/// and kills its group, with what the child has left running in it. The child's status is always collected. Linux.
class LineProcess {
 public:
  /// Errors: input_error where the system cannot start a process.
  explicit LineProcess(std::string command);
  ~LineProcess();
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  /// Writes `line` and a line feed, waits for a whole line and returns it without its line feed. Errors: input_error
  /// naming the command, with the end of what it wrote to standard error, when it ends, closes its output, gives no
  /// answer in time, answers with more than 256 MB, or writes without being asked or before it has read the whole
  /// question. It is killed then, and every later exchange fails.
  std::string exchange(std::string_view line, std::chrono::duration<double> timeout);

  const std::string& command() const { return command_; }
  /// The end of what it has written to standard error so far, as the second half of a sentence; empty for nothing.
  std::string last_words();

 private:
  using Clock = std::chrono::steady_clock;

  void start();
  void refuse_unasked();
  bool send(std::string_view& rest);
  void receive_errors();
  bool receive();
  void step(std::string_view& rest, Clock::time_point deadline, std::chrono::duration<double> timeout);
  bool reap(std::chrono::milliseconds patience);
  void kill_group();
  [[noreturn]] void fail_ended();
  [[noreturn]] void fail(const std::string& problem, const std::string& remedy);

  std::string command_;
  pid_t child_ = -1;  ///< -1: not running, or its status was collected.
  int status_ = 0;    ///< As waitpid gives it.
  bool ended_ = false;
  int input_ = -1, output_ = -1, error_ = -1;  ///< Our ends of the child's standard streams.
  std::string received_;                       ///< Of its output, not yet returned.
  std::string errors_;                         ///< The end of its standard error.
};

}  // namespace mynah
