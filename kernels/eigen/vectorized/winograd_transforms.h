#pragma once

#include "kernels/eigen/vectorized/vector.h"

/// Minimal filtering: fewer products for a convolution whose kernel meets neighbouring places, after Winograd,
/// "Arithmetic complexity of computations", 1980, chapter V, and Lavin and Gray, "Fast algorithms for convolutional
/// neural networks", 2016.
///
/// One axis. The product s = g y of two polynomials, of r and m coefficients, has n = m + r - 1 of them, and its values
/// at n points fix it: with G and A the matrices that give the values of g and y at the points, and Bᵀ, below, the
/// values to coefficients the other way around,
///
///   s = B [(G g) ⊙ (A y)]       n products, where the r m of a convolution written out give the same.
///
/// The trilinear form d · s = Σ_{i, u} d(i + u) y(i) g(u) = Σ_p (Bᵀ d)(p) (A y)(p) (G g)(p) is what a convolution with
/// the taps g, its transpose and the gradient of its taps have in common; each is the derivative by one factor:
///
///   out  y = Aᵀ [(G g) ⊙ (Bᵀ d)]      in  d = B [(G g) ⊙ (A y)]      taps  g = Gᵀ [(A y) ⊙ (Bᵀ d)]
///
/// and so for two axes, each matrix on either side. Row p of A and of G is 1, p, p², ...; infinity, whose "value" is
/// the last coefficient, is a point as well. s(x) = Σ_p s(p) L_p(x) + s(infinity) Π_q (x - q), the finite points being
/// those of Lagrange's L_p(x) = Π_{q != p} (x - q) / (p - q): their coefficients are the rows of Bᵀ.
///
/// The points are 0, 1, -1 and infinity, and 1/2 for larger tiles: those of a small tile are the first ones of a large
/// one, so that both meet the same G g. More of them would save more products, and lose more digits.
namespace mynah::kernels::eigen::vectorized {
namespace {

constexpr int small_points = 4, large_points = 5;
constexpr double finite_points[] = {0.0, 1.0, -1.0, 0.5};
constexpr int infinity_number = 3;

/// The number of a finite point among all of them.
constexpr int point_number(int finite) {
  return finite < infinity_number ? finite : finite + 1;
}

template <int Rows, int Columns>
struct Coefficients {
  float of[Rows][Columns];
};

/// A and G: the values of a polynomial of `Count` coefficients at `Points` points.
template <int Points, int Count>
constexpr Coefficients<Points, Count> evaluation() {
  Coefficients<Points, Count> values{};
  for (int finite = 0; finite < Points - 1; ++finite) {
    double power = 1.0;
    for (int i = 0; i < Count; ++i, power *= finite_points[finite]) {
      values.of[point_number(finite)][i] = static_cast<float>(power);
    }
  }
  values.of[infinity_number][Count - 1] = 1.0f;
  return values;
}

/// Π (x - q) / (p - q) over the finite points q but p; without the divisor, of all of them, if p is none (-1).
template <int Points>
constexpr void lagrange(int p, float (&row)[Points]) {
  double polynomial[Points + 1] = {1.0}, divisor = 1.0;
  for (int q = 0; q < Points - 1; ++q) {
    if (q == p) continue;
    for (int i = Points; i > 0; --i) polynomial[i] = polynomial[i - 1] - finite_points[q] * polynomial[i];
    polynomial[0] *= -finite_points[q];
    if (p >= 0) divisor *= finite_points[p] - finite_points[q];
  }
  for (int i = 0; i < Points; ++i) row[i] = static_cast<float>(polynomial[i] / divisor);
}

/// Bᵀ
template <int Points>
constexpr Coefficients<Points, Points> interpolation() {
  Coefficients<Points, Points> rows{};
  for (int finite = 0; finite < Points - 1; ++finite) lagrange<Points>(finite, rows.of[point_number(finite)]);
  lagrange<Points>(-1, rows.of[infinity_number]);
  return rows;
}

/// The matrices as maps of vectors: out(j) = Σ_i at(j, i) in(i).
template <int Points, int Count>
struct Evaluation {
  static constexpr int inputs = Count, outputs = Points;
  static constexpr Coefficients<Points, Count> matrix = evaluation<Points, Count>();
  static constexpr float at(int out, int in) { return matrix.of[out][in]; }
};
template <int Points>
struct Interpolation {
  static constexpr int inputs = Points, outputs = Points;
  static constexpr Coefficients<Points, Points> matrix = interpolation<Points>();
  static constexpr float at(int out, int in) { return matrix.of[out][in]; }
};
template <class Map>
struct Transposed {
  static constexpr int inputs = Map::outputs, outputs = Map::inputs;
  static constexpr float at(int out, int in) { return Map::at(in, out); }
};

template <class Map>
constexpr int first_term(int out) {
  int in = 0;
  while (Map::at(out, in) == 0.0f) ++in;
  return in;
}

template <class Map, int Out, int In>
MYNAH_INLINE void add_term(const Vec* x, Vec& sum) {
  constexpr float factor = Map::at(Out, In);
  if constexpr (factor == -1.0f) {
    sum = In == first_term<Map>(Out) ? -x[In] : sum - x[In];
  } else if constexpr (factor != 0.0f) {
    const Vec term = factor == 1.0f ? x[In] : broadcast(factor) * x[In];
    sum = In == first_term<Map>(Out) ? term : sum + term;
  }
}
template <class Map, int Out, int... In>
MYNAH_INLINE Vec sum_of_terms(const Vec* x, LaneList<In...>) {
  Vec sum{};
  (add_term<Map, Out, In>(x, sum), ...);
  return sum;
}
template <class Map, class Sink, int... Out>
MYNAH_INLINE void map_line(const Vec* x, const Sink& sink, LaneList<Out...>) {
  (sink(Out, sum_of_terms<Map, Out>(x, typename MakeLaneList<Map::inputs>::type{})), ...);
}

/// The map of each of `lines` lines: from source(line, i) to sink(line, j, vector).
template <class Map, class Source, class Sink>
MYNAH_INLINE void map_lines(Size lines, const Source& source, const Sink& sink) {
  for (Size line = 0; line < lines; ++line) {
    Vec x[Map::inputs];
#pragma GCC unroll 8
    for (int i = 0; i < Map::inputs; ++i) x[i] = source(line, i);
    map_line<Map>(
        x, [&](int out, Vec value) __attribute__((always_inline)) { sink(line, out, value); },
        typename MakeLaneList<Map::outputs>::type{});
  }
}

/// What one axis of a tile needs: its points and the taps of the kernel. `call` passes the map on to an operation.
struct InPoints {  ///< Bᵀ
  Size points, taps;
  Size inputs() const { return points; }
  Size outputs() const { return points; }
  template <class Operation>
  MYNAH_INLINE void call(const Operation& operation) const {
    return points == small_points ? operation(Interpolation<small_points>{}) : operation(Interpolation<large_points>{});
  }
};
struct OutPoints {  ///< A
  Size points, taps;
  Size inputs() const { return points - taps + 1; }
  Size outputs() const { return points; }
  template <class Operation>
  MYNAH_INLINE void call(const Operation& operation) const {
    if (taps == 2) {
      return points == small_points ? operation(Evaluation<small_points, small_points - 1>{})
                                    : operation(Evaluation<large_points, large_points - 1>{});
    }
    return points == small_points ? operation(Evaluation<small_points, small_points - 2>{})
                                  : operation(Evaluation<large_points, large_points - 2>{});
  }
};
struct TapPoints {  ///< G
  Size points, taps;
  Size inputs() const { return taps; }
  Size outputs() const { return points; }
  template <class Operation>
  MYNAH_INLINE void call(const Operation& operation) const {
    if (taps == 2) {
      return points == small_points ? operation(Evaluation<small_points, 2>{})
                                    : operation(Evaluation<large_points, 2>{});
    }
    return points == small_points ? operation(Evaluation<small_points, 3>{}) : operation(Evaluation<large_points, 3>{});
  }
};
template <class Axis>
struct FromPoints {  ///< The transposes
  Axis axis;
  Size inputs() const { return axis.outputs(); }
  Size outputs() const { return axis.inputs(); }
  template <class Operation>
  MYNAH_INLINE void call(const Operation& operation) const {
    axis.call([&](auto map) __attribute__((always_inline)) { operation(Transposed<decltype(map)>{}); });
  }
};

/// Both axes of a tile, a vector for each element: from source(row, column) to sink(row, column, vector).
template <class Axis, class Source, class Sink>
MYNAH_INLINE void map_tile(const Axis& down, const Axis& across, const Source& source, const Sink& sink) {
  Vec between[large_points][large_points];
  down.call([&](auto map) __attribute__((always_inline)) {
    map_lines<decltype(map)>(
        across.inputs(), [&](Size column, int row) __attribute__((always_inline)) { return source(row, column); },
        [&](Size column, int row, Vec value) __attribute__((always_inline)) { between[row][column] = value; });
  });
  across.call([&](auto map) __attribute__((always_inline)) {
    map_lines<decltype(map)>(
        down.outputs(), [&](Size row, int column) __attribute__((always_inline)) { return between[row][column]; },
        sink);
  });
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
