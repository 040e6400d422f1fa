#pragma once

#include "kernels/eigen/vectorized/operations.h"
#include "kernels/stream.h"
#include "kernels/worker_team.h"

namespace mynah::kernels::eigen {

/// Elements of an operation without sums from which on it is shared: about 4 microseconds of one thread.
constexpr Index least_shared_elements = 32768;
/// Products of a linear layer from which on it is.
constexpr Index least_shared_products = 400000;

/// work(team) on the stream's threads where it is `large`; else, or with one thread, on the caller's alone.
template <class Work>
void share(Stream& stream, bool large, const Work& work) {
  WorkerTeam* const workers = large ? stream.team() : nullptr;
  if (workers == nullptr) return work(vectorized::Team{});
  workers->run([&work](const WorkerTeam::Member& member) {
    work(vectorized::Team{member.index, member.count,
                          [](const void* place) { static_cast<const WorkerTeam::Member*>(place)->meet(); }, &member});
  });
}

/// This member's part of 0 ... count - 1, of rows or of elements.
struct SharedPart {
  Index first, count;

  SharedPart(Index all, const vectorized::Team& team)
      : first(all * team.member / team.members), count(all * (team.member + 1) / team.members - first) {}

  template <class T>
  MatrixView<T> of(MatrixView<T> rows) const {
    return rows.data == nullptr ? rows : rows.middle_rows(first, count);
  }
  template <class T>
  VectorView<T> of(VectorView<T> elements) const {
    return elements.data == nullptr ? elements : VectorView<T>{elements.data + first, count};
  }
};

}  // namespace mynah::kernels::eigen
