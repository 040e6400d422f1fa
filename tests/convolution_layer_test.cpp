// What the convolution layers refuse, and what they say. Their values are shown in tests/operations/convolution.cpp.

#include <gmock/gmock.h>

#include <array>
#include <functional>

#include "engine/layers/conv2d.h"
#include "engine/layers/conv_transpose2d.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using testing::HasSubstr;

/// Of images 6 x 8 x 7, in any of the two layers.
template <class Options>
Options of_small_images() {
  Options options;
  options.in_channels = 6;
  options.in_height = 8;
  options.in_width = 7;
  options.out_channels = 4;
  return options;
}

void expect_refusal(const std::function<void()>& action, const std::string& place, const std::string& problem,
                    const std::string& remedy) {
  try {
    action();
    ADD_FAILURE() << "not refused: " << problem;
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_THAT(error.what(), HasSubstr(place + ": " + problem));
    EXPECT_THAT(error.what(), HasSubstr(remedy));
  }
}

template <class Layer, class Options>
void expect_options_refused(const std::string& place, void (*change)(Options&), const std::string& problem,
                            const std::string& remedy) {
  Options options = of_small_images<Options>();
  const Layer whole(options);  // which is not refused
  change(options);
  expect_refusal([&] { const Layer layer(options); }, place, problem, remedy);
}

template <class Layer, class Options>
void expect_common_refusals(const std::string& place) {
  const auto expect = [&](void (*change)(Options&), const std::string& problem, const std::string& remedy) {
    expect_options_refused<Layer, Options>(place, change, problem, remedy);
  };
  expect([](Options& o) { o.in_channels = 0; }, "has channels 0 and 4", "give it at least 1 on both ends");
  expect([](Options& o) { o.out_channels = -2; }, "has channels 6 and -2", "give it at least 1 on both ends");
  expect([](Options& o) { o.groups = 0; }, "has 0 groups", "give it at least 1");
  expect([](Options& o) { o.groups = 3; }, "has 3 groups, which do not divide its 6 and 4 channels",
         "take a number of groups that divides both");
  expect([](Options& o) { o.groups = 4; }, "has 4 groups, which do not divide its 6 and 4 channels",
         "take a number of groups that divides both");
  expect([](Options& o) { o.kernel = {0, 3}; }, "has a kernel of 0 x 3", "give it at least 1 x 1");
  expect([](Options& o) { o.stride = {1, 0}; }, "has a stride of 1 x 0", "give it at least 1");
  expect([](Options& o) { o.dilation = {-1, 2}; }, "has a dilation of -1 x 2", "give it at least 1");
  expect([](Options& o) { o.padding = {0, -1}; }, "has a padding of 0 x -1", "give it 0 or more");
}

template <class Layer, class Options>
void expect_inputs_refused(const std::string& place) {
  const Layer layer(of_small_images<Options>());
  const auto columns = [&](const std::vector<Index>& inputs) {
    return [&layer, inputs] { layer.output_columns(inputs); };
  };
  const std::string remedy = "make channels, height and width those of the layer before";
  expect_refusal(columns({335}), place, "takes images of 6 x 8 x 7 = 336 columns, got 335 columns", remedy);
  expect_refusal(columns({0}), place, "takes images of 6 x 8 x 7 = 336 columns, got 0 columns", remedy);
  expect_refusal(columns({336, 336}), place, "takes one input, got 2", "");
  expect_refusal(columns({}), place, "takes one input, got 0", "");
  EXPECT_EQ(layer.output_columns(std::array<Index, 1>{336}), 4 * layer.out_height() * layer.out_width());
}

TEST(Conv2d, OptionsThatNoConvolutionHasAreRefused) {
  expect_common_refusals<Conv2d, Conv2dOptions>("conv2d layer");
}

TEST(Conv2d, AKernelThatDoesNotFitIsRefused) {
  const auto expect = [](void (*change)(Conv2dOptions&), const std::string& problem) {
    expect_options_refused<Conv2d, Conv2dOptions>("conv2d layer", change, problem,
                                                  "take a smaller kernel or dilation, or a larger padding");
  };
  expect([](Conv2dOptions& o) { o.kernel = {9, 3}; }, "a kernel of 9 x 3 does not fit into images of 8 x 7");
  expect([](Conv2dOptions& o) { o.dilation = {1, 4}; }, "a kernel of 3 x 3 does not fit into images of 8 x 7");
  expect([](Conv2dOptions& o) { o.in_height = 0; }, "a kernel of 3 x 3 does not fit into images of 0 x 7");
  Conv2dOptions padded = of_small_images<Conv2dOptions>();
  padded.kernel = {10, 3};
  padded.padding = {1, 0};
  EXPECT_EQ(Conv2d(padded).out_height(), 1);
}

TEST(Conv2d, InputsOfAnotherSizeAreRefused) {
  expect_inputs_refused<Conv2d, Conv2dOptions>("conv2d layer");
}

TEST(ConvTranspose2d, OptionsThatNoConvolutionHasAreRefused) {
  expect_common_refusals<ConvTranspose2d, ConvTranspose2dOptions>("conv_transpose2d layer");
}

TEST(ConvTranspose2d, AnOutputPaddingOfAStrideAndADilationOrMoreIsRefused) {
  using Options = ConvTranspose2dOptions;
  const auto expect = [](void (*change)(Options&), const std::string& problem) {
    expect_options_refused<ConvTranspose2d, Options>("conv_transpose2d layer", change, problem,
                                                     "take 0 or more, and less than the stride or than the dilation");
  };
  expect([](Options& o) { o.output_padding = {1, 0}; }, "has an output padding of 1");
  expect([](Options& o) { o.output_padding = {0, -1}; }, "has an output padding of -1");
  expect(
      [](Options& o) {
        o.stride = 2;
        o.dilation = 3;
        o.output_padding = 3;
      },
      "has an output padding of 3");
  Options dilated = of_small_images<Options>();
  dilated.dilation = 3;
  const Index without = ConvTranspose2d(dilated).out_height();
  dilated.output_padding = 2;
  EXPECT_EQ(ConvTranspose2d(dilated).out_height(), without + 2);
}

TEST(ConvTranspose2d, APaddingThatLeavesNothingIsRefused) {
  using Options = ConvTranspose2dOptions;
  const auto expect = [](void (*change)(Options&), const std::string& problem) {
    expect_options_refused<ConvTranspose2d, Options>("conv_transpose2d layer", change, problem,
                                                     "take a larger kernel or a smaller padding");
  };
  expect(
      [](Options& o) {
        o.padding = {5, 0};
      },
      "nothing is left of an image's extent of 8 with a kernel of 3 and a padding of 5");
  expect([](Options& o) { o.in_width = 0; },
         "nothing is left of an image's extent of 0 with a kernel of 3 and a padding of 0");
}

TEST(ConvTranspose2d, InputsOfAnotherSizeAreRefused) {
  expect_inputs_refused<ConvTranspose2d, ConvTranspose2dOptions>("conv_transpose2d layer");
}

}  // namespace
}  // namespace mynah
