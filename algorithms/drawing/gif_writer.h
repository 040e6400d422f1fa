#pragma once

#include <map>
#include <string>
#include <vector>

#include "algorithms/drawing/canvas.h"

namespace mynah {

/// Makes an animated GIF ("Graphics Interchange Format, version 89a", CompuServe 1990) that is shown over and over. Of
/// a frame only the rectangle that differs from the one before is kept.
///
/// One palette of 256 colours serves all frames: they are taken as they come; when it is full, the nearest is.
class GifWriter {
 public:
  GifWriter(int width, int height) : width_(width), height_(height) {}

  /// pixels [height * width], row by row from the top; shown for so many hundredths of a second.
  void add(const std::vector<Color>& pixels, int hundredths);
  /// The whole file.
  std::string bytes() const;

 private:
  std::uint8_t index_of(Color color);

  int width_, height_;
  std::vector<Color> palette_;
  std::map<std::uint32_t, std::uint8_t> indices_;
  std::vector<std::uint8_t> shown_;  // indices of the last frame
  std::string frames_;
};

/// The "table-based image data" of a GIF with 256 colours: LZW codes (Welch, "A technique for high-performance data
/// compression", 1984) of 9 to 12 bits in blocks of up to 255 bytes.
std::string gif_image_data(const std::vector<std::uint8_t>& indices);

}  // namespace mynah
