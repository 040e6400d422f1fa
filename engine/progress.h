#pragma once

#include <string_view>

#include "kernels/view.h"

namespace mynah {

/// What something that takes long tells whoever called it. The library reports here and never prints.
///
/// The calls of one piece of work: started, any number of advanced, message and warning in any order, finished. After
/// an exception finished may be missing. A new started ends the work before it.
class ProgressObserver {
 public:
  virtual ~ProgressObserver() = default;

  /// Work of `total` units begins; 0 if it is not known how many. `what`: a short word for it, e.g. "training".
  virtual void started(Index total, std::string_view what) = 0;
  /// `done` units are done. `metrics`: what has been measured, to be shown as it is, e.g. "loss 0.0123".
  virtual void advanced(Index done, std::string_view metrics) = 0;
  /// Whether an `advanced` now would be shown: a caller with thousands of units a second asks before it makes the text.
  /// The last unit is to be reported in any case.
  virtual bool wants_update() { return true; }
  /// A remark, shown on a line of its own.
  virtual void message(std::string_view text) = 0;
  /// Something the user should look at.
  virtual void warning(std::string_view text) = 0;
  /// The work is done.
  virtual void finished() = 0;
};

/// Takes everything and shows nothing.
class SilentProgress final : public ProgressObserver {
 public:
  void started(Index /*total*/, std::string_view /*what*/) override {}
  void advanced(Index /*done*/, std::string_view /*metrics*/) override {}
  bool wants_update() override { return false; }
  void message(std::string_view /*text*/) override {}
  void warning(std::string_view /*text*/) override {}
  void finished() override {}
};

}  // namespace mynah
