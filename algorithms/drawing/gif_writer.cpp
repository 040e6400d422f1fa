#include "algorithms/drawing/gif_writer.h"

#include <algorithm>
#include <unordered_map>

namespace mynah {
namespace {

constexpr std::uint32_t clear_code = 256;
constexpr std::uint32_t end_code = 257;
constexpr std::uint32_t last_code = 4095;

void append_number(std::string& bytes, int value) {  // 16 bits, the low ones first
  bytes += static_cast<char>(value & 0xFF);
  bytes += static_cast<char>((value >> 8) & 0xFF);
}

/// Codes of changing width, packed from the low bit of each byte on.
class CodeStream {
 public:
  void put(std::uint32_t code, int width) {
    waiting_ |= std::uint64_t{code} << waiting_bits_;
    waiting_bits_ += width;
    for (; waiting_bits_ >= 8; waiting_bits_ -= 8, waiting_ >>= 8) bytes_ += static_cast<char>(waiting_ & 0xFF);
  }

  /// In blocks: their size, their bytes; an empty one ends them.
  std::string blocks() {
    if (waiting_bits_ > 0) bytes_ += static_cast<char>(waiting_ & 0xFF);
    std::string blocks;
    for (std::size_t begin = 0; begin < bytes_.size(); begin += 255) {
      const std::size_t size = std::min<std::size_t>(255, bytes_.size() - begin);
      blocks += static_cast<char>(size);
      blocks.append(bytes_, begin, size);
    }
    return blocks + '\0';
  }

 private:
  std::string bytes_;
  std::uint64_t waiting_ = 0;
  int waiting_bits_ = 0;
};

int squared_distance(Color a, Color b) {
  const int red = a.red - b.red, green = a.green - b.green, blue = a.blue - b.blue;
  return red * red + green * green + blue * blue;
}

}  // namespace

std::string gif_image_data(const std::vector<std::uint8_t>& indices) {
  CodeStream codes;
  std::unordered_map<std::uint32_t, std::uint32_t> known;  // (code of a text, next index) -> code of both
  known.reserve(last_code);
  std::uint32_t next = end_code + 1;
  int width = 9;
  codes.put(clear_code, width);
  std::uint32_t text = indices.front();
  for (std::size_t i = 1; i < indices.size(); ++i) {
    const auto [place, is_new] = known.try_emplace(text << 8 | indices[i], next);
    if (!is_new) {
      text = place->second;
      continue;
    }
    codes.put(text, width);
    text = indices[i];
    if (next == std::uint32_t{1} << width) ++width;
    if (next++ == last_code) {
      codes.put(clear_code, width);
      known.clear();
      next = end_code + 1;
      width = 9;
    }
  }
  codes.put(text, width);
  // The decoder takes one more code into its table here.
  if (next == std::uint32_t{1} << width && width < 12) ++width;
  codes.put(end_code, width);
  return '\x08' + codes.blocks();
}

std::uint8_t GifWriter::index_of(Color color) {
  const std::uint32_t key =
      std::uint32_t{color.red} << 16 | std::uint32_t{color.green} << 8 | std::uint32_t{color.blue};
  const auto known = indices_.find(key);
  if (known != indices_.end()) return known->second;
  std::size_t index = palette_.size();
  if (index < 256) {
    palette_.push_back(color);
  } else {
    const auto nearest = std::min_element(palette_.begin(), palette_.end(), [&](Color a, Color b) {
      return squared_distance(a, color) < squared_distance(b, color);
    });
    index = static_cast<std::size_t>(nearest - palette_.begin());
  }
  return indices_[key] = static_cast<std::uint8_t>(index);
}

void GifWriter::add(const std::vector<Color>& pixels, int hundredths) {
  std::vector<std::uint8_t> frame;
  frame.reserve(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    frame.push_back(i > 0 && pixels[i] == pixels[i - 1] ? frame.back() : index_of(pixels[i]));
  }
  // The rectangle that differs; of equal frames a corner.
  int left = width_, top = height_, right = -1, bottom = -1;
  for (int row = 0; row < height_; ++row) {
    for (int column = 0; column < width_; ++column) {
      const std::size_t at =
          static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(column);
      if (!shown_.empty() && shown_[at] == frame[at]) continue;
      left = std::min(left, column), right = std::max(right, column);
      top = std::min(top, row), bottom = std::max(bottom, row);
    }
  }
  if (right < 0) left = top = right = bottom = 0;
  std::vector<std::uint8_t> changed;
  for (int row = top; row <= bottom; ++row) {
    const auto begin = frame.begin() + row * width_;
    changed.insert(changed.end(), begin + left, begin + right + 1);
  }
  frames_ += std::string("\x21\xF9\x04\x04", 4);  // graphic control: what is shown stays
  append_number(frames_, hundredths);
  frames_ += std::string("\0\0\x2C", 3);  // image
  for (const int number : {left, top, right - left + 1, bottom - top + 1}) append_number(frames_, number);
  frames_ += '\0';
  frames_ += gif_image_data(changed);
  shown_ = std::move(frame);
}

std::string GifWriter::bytes() const {
  std::string bytes = "GIF89a";
  append_number(bytes, width_);
  append_number(bytes, height_);
  bytes += std::string("\xF7\0\0", 3);  // a palette of 256 colours
  for (std::size_t i = 0; i < 256; ++i) {
    const Color color = i < palette_.size() ? palette_[i] : Color{};
    for (const std::uint8_t value : {color.red, color.green, color.blue}) bytes += static_cast<char>(value);
  }
  bytes += std::string("\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0", 19);  // over and over
  return bytes + frames_ + '\x3B';
}

}  // namespace mynah
