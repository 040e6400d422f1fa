#pragma once

#include <memory>

#include "engine/optimizer.h"
#include "kernels/stream.h"

namespace mynah::bench {

/// Whole training steps of a DCGAN for images of 28 x 28 (Radford et al., "Unsupervised representation learning with
/// deep convolutional generative adversarial networks", 2016), 64 and 128 channels wide, with batch normalisation,
/// binary cross-entropy and Adam. bench/peers/layer_step.py has the same in PyTorch.
class Dcgan {
 public:
  Dcgan(Stream& stream, Index batch);
  ~Dcgan();

  /// Of the discriminator, on a batch of real and one of generated images, which it draws and generates.
  void discriminator_step();
  /// Of the generator, through the discriminator, which stays as it is.
  void generator_step();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mynah::bench
