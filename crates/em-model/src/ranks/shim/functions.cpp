// Functions of tensors on all ranks, with their gradients.

#include "group.h"

#include <torch/csrc/autograd/custom_function.h>

namespace em {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// A group outlives the gradients of a step; a graph holds its address.
int64_t address_of(Group& group) {
  return reinterpret_cast<int64_t>(&group);
}

Group& group_at(int64_t address) {
  return *reinterpret_cast<Group*>(address);
}

struct SumOfRanks : torch::autograd::Function<SumOfRanks> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& local, int64_t group, bool counts) {
    context->saved_data["counts"] = counts;
    auto sum = counts ? local.contiguous().clone() : at::zeros(local.sizes(), local.options());
    group_at(group).all_reduce(sum);
    return sum;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto counts = context->saved_data["counts"].toBool();
    return {counts ? gradients[0] : at::zeros_like(gradients[0]), Variable(), Variable()};
  }
};

// One number a channel, as it is applied to [n, channel, ...].
at::Tensor of_channels(const at::Tensor& values, const at::Tensor& input) {
  std::vector<int64_t> shape(static_cast<size_t>(input.dim()), 1);
  shape[1] = -1;
  return values.reshape(shape);
}

// Mean, variance (biased) and number of the voxels of all ranks, by channel, from those of each.
struct Statistics {
  at::Tensor mean, variance, voxels;

  Statistics(Group& group, const at::Tensor& input, bool counts) {
    auto channels = input.size(1);
    auto of_weights = input.options().dtype(at::kFloat);
    // Running statistics that nobody reads say that those of 16-bit features are wanted in 32 bits.
    auto [own_mean, own_variance] = at::batch_norm_update_stats(
        input, at::zeros({channels}, of_weights), at::ones({channels}, of_weights), 0.0);
    auto count = counts ? static_cast<double>(input.numel() / channels) : 0.0;
    auto own = own_mean.to(at::kDouble);
    auto squares = own_variance.to(at::kDouble) + own * own;
    auto sums = at::cat({own * count, squares * count, at::full({1}, count, own.options())});
    group.all_reduce(sums);
    voxels = sums.narrow(0, 2 * channels, 1);
    mean = sums.narrow(0, 0, channels) / voxels;
    variance = (sums.narrow(0, channels, channels) / voxels - mean * mean).clamp_min(0.0);
  }
};

struct BatchNorm : torch::autograd::Function<BatchNorm> {
  static at::Tensor forward(
      AutogradContext* context,
      const at::Tensor& input,
      const at::Tensor& gain,
      const at::Tensor& shift,
      at::Tensor running_mean,
      at::Tensor running_variance,
      double momentum,
      double epsilon,
      int64_t group,
      bool counts) {
    Statistics all(group_at(group), input, counts);
    auto unbiased = all.variance * (all.voxels / (all.voxels - 1.0).clamp_min(1.0));
    running_mean.mul_(1.0 - momentum).add_(all.mean.to(at::kFloat), momentum);
    running_variance.mul_(1.0 - momentum).add_(unbiased.to(at::kFloat), momentum);
    auto mean = all.mean.to(at::kFloat), variance = all.variance.to(at::kFloat);
    context->save_for_backward({input, gain, mean, variance, all.voxels});
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["group"] = group;
    context->saved_data["counts"] = counts;
    return std::get<0>(at::native_batch_norm(input, gain, shift, mean, variance, false, 0.0, epsilon));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto input = saved[0], gain = saved[1], mean = saved[2], variance = saved[3], voxels = saved[4];
    auto epsilon = context->saved_data["epsilon"].toDouble();
    auto counts = context->saved_data["counts"].toBool();
    auto gradient = gradients[0].contiguous(input.suggest_memory_format());
    // With statistics that are given; what they owe to the input is taken off below.
    auto [of_input, of_gain, of_shift] = at::native_batch_norm_backward(
        gradient, input, gain, mean, variance, {}, {}, false, epsilon, {true, true, true});
    auto sums = at::cat({of_gain, of_shift}).to(at::kDouble);
    if (!counts) {
      sums.zero_();
    }
    group_at(context->saved_data["group"].toInt()).all_reduce(sums);
    if (counts) {
      auto channels = input.size(1);
      auto scale = gain.to(at::kDouble) * (variance.to(at::kDouble) + epsilon).rsqrt();
      auto slope = scale * (variance.to(at::kDouble) + epsilon).rsqrt() * sums.narrow(0, 0, channels) / voxels;
      auto offset = scale * sums.narrow(0, channels, channels) / voxels - mean.to(at::kDouble) * slope;
      auto owed = at::mul(input, of_channels(slope.to(at::kFloat), input))
                      .add_(of_channels(offset.to(at::kFloat), input));
      of_input = at::sub(of_input, owed).to(input.scalar_type());
    }
    Variable none;
    return {of_input, of_gain, of_shift, none, none, none, none, none, none};
  }
};

} // namespace

at::Tensor sum_of_ranks(Group& group, const at::Tensor& local, bool counts) {
  return SumOfRanks::apply(local, address_of(group), counts);
}

at::Tensor batch_norm(
    Group& group,
    const at::Tensor& input,
    const at::Tensor& gain,
    const at::Tensor& shift,
    at::Tensor running_mean,
    at::Tensor running_variance,
    double momentum,
    double epsilon,
    bool counts) {
  return BatchNorm::apply(
      input, gain, shift, running_mean, running_variance, momentum, epsilon, address_of(group), counts);
}

} // namespace em
