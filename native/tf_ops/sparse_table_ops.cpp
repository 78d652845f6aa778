// SparseTablePull, SparseTableRead, SparseTablePush: the parameter server inside the graph.
//
//   rows, inverse, dense = SparseTablePull(step, signs)                        finds or creates rows
//   rows, inverse, dense = SparseTableRead(signs)                              creates none
//                          SparseTablePush(step, gradients, dense_gradient)
//   sum                  = SumOverRanks(values)                                in rank order
//
// The kernels enqueue on the cluster's service thread and are called back, so no TensorFlow thread blocks.
// They return tensors and write no variable. One call covers all tables of a model, so that ranks cannot
// process tables in a different order.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/ps_cluster.h"
#include "tensorflow/core/framework/cancellation.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tf_ops/outputs.h"

namespace wideload {
namespace {

using tensorflow::AsyncOpKernel;
using tensorflow::OpInputList;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

absl::Status RowsShape(InferenceContext* context) {
  std::vector<std::int32_t> widths;
  TF_RETURN_IF_ERROR(context->GetAttr("widths", &widths));
  const int tables = static_cast<int>(widths.size());
  int declared = 0;
  TF_RETURN_IF_ERROR(context->GetAttr("N", &declared));
  if (declared != tables) {
    return absl::InvalidArgumentError("widths has " + std::to_string(tables) + " elements for " +
                                      std::to_string(declared) + " tables; give one per table");
  }
  const int first = context->num_inputs() - tables;
  for (int table = 0; table < tables; ++table) {
    ShapeHandle signs;
    TF_RETURN_IF_ERROR(context->WithRank(context->input(first + table), 1, &signs));
    context->set_output(
        table, context->Matrix(InferenceContext::kUnknownDim, widths[static_cast<std::size_t>(table)]));
    context->set_output(tables + table, signs);
  }
  context->set_output(2 * tables, context->Vector(InferenceContext::kUnknownDim));
  return absl::OkStatus();
}

REGISTER_OP("SparseTablePull")
    .Attr("cluster: int")
    .Attr("N: int >= 1")
    .Attr("widths: list(int) >= 1")
    .Input("step: int64")
    .Input("signs: N * int64")
    .Output("rows: N * float")
    .Output("inverse: N * int32")
    .Output("dense: float")
    .SetIsStateful()
    .SetShapeFn(RowsShape);

REGISTER_OP("SparseTableRead")
    .Attr("cluster: int")
    .Attr("N: int >= 1")
    .Attr("widths: list(int) >= 1")
    .Input("signs: N * int64")
    .Output("rows: N * float")
    .Output("inverse: N * int32")
    .Output("dense: float")
    .SetIsStateful()
    .SetShapeFn(RowsShape);

REGISTER_OP("SparseTablePush")
    .Attr("cluster: int")
    .Attr("N: int >= 1")
    .Input("step: int64")
    .Input("gradients: N * float")
    .Input("dense_gradient: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

REGISTER_OP("SumOverRanks")
    .Attr("cluster: int")
    .Input("values: float")
    .Output("sum: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

// Finds its cluster by the attribute `cluster`, the id of the Python object.
class ClusterKernel : public AsyncOpKernel {
 public:
  explicit ClusterKernel(OpKernelConstruction* construction) : AsyncOpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("cluster", &id_));
  }

 protected:
  // Returns null and sets the status if there is no such cluster or it has another number of tables.
  std::shared_ptr<PsCluster> FindCluster(OpKernelContext* context) const {
    std::shared_ptr<PsCluster> cluster = Clusters().Find(id_);
    if (cluster == nullptr) {
      context->SetStatus(absl::FailedPreconditionError("there is no open parameter-server cluster with id " +
                                                       std::to_string(id_) + " in this process"));
    }
    return cluster;
  }
  std::shared_ptr<PsCluster> FindCluster(OpKernelContext* context, int tables) const {
    std::shared_ptr<PsCluster> cluster = FindCluster(context);
    if (cluster == nullptr || static_cast<int>(cluster->tables().size()) == tables) return cluster;
    context->SetStatus(absl::InvalidArgumentError("given " + std::to_string(tables) +
                                                  " tables, the cluster has " +
                                                  std::to_string(cluster->tables().size())));
    return nullptr;
  }

 private:
  std::int64_t id_ = 0;
};

std::vector<std::span<const Sign>> SignsOf(const OpInputList& inputs) {
  std::vector<std::span<const Sign>> signs;
  for (const Tensor& input : inputs) {
    signs.emplace_back(reinterpret_cast<const Sign*>(input.flat<std::int64_t>().data()),
                       static_cast<std::size_t>(input.NumElements()));
  }
  return signs;
}

absl::Status Emit(OpKernelContext* context, const PsCluster& cluster, const WorkingSet& set) {
  const int tables = static_cast<int>(set.tables.size());
  for (int t = 0; t < tables; ++t) {
    const WorkingTable& table = set.tables[static_cast<std::size_t>(t)];
    const auto distinct = static_cast<std::int64_t>(table.distinct);
    const auto width = static_cast<std::int64_t>(cluster.tables()[static_cast<std::size_t>(t)]->width());
    TF_RETURN_IF_ERROR(Copy(context, t, TensorShape({distinct, width}), table.rows));
    const auto asked = static_cast<std::int64_t>(table.inverse.size());
    TF_RETURN_IF_ERROR(Copy(context, tables + t, TensorShape({asked}), table.inverse));
  }
  return Copy(context, 2 * tables, TensorShape({static_cast<std::int64_t>(set.dense.size())}), set.dense);
}

// The `step` of a pull or a push. Sets the status unless it is a scalar.
bool StepOf(OpKernelContext* context, std::uint64_t* step) {
  const Tensor& given = context->input(0);
  if (given.NumElements() != 1) {
    context->SetStatus(
        absl::InvalidArgumentError("step has shape " + given.shape().DebugString() + ", expected a scalar"));
    return false;
  }
  *step = static_cast<std::uint64_t>(given.flat<std::int64_t>()(0));
  return true;
}

// Makes the call of a kernel and starts it; a step that is cancelled cancels the call. `answer` gets the values of
// an answer without error and returns the status; then `done` is called, in any case exactly once.
template <typename C, typename Answer, typename Start>
void Begin(OpKernelContext* context, const std::shared_ptr<PsCluster>& cluster,
           const AsyncOpKernel::DoneCallback& done, Answer answer, Start start) {
  tensorflow::CancellationManager* manager = context->cancellation_manager();
  const tensorflow::CancellationToken token = manager == nullptr ? 0 : manager->get_cancellation_token();
  const C call([=](const std::string& error, const auto&... values) {
    context->SetStatus(error.empty() ? answer(values...) : absl::AbortedError(error));
    if (manager != nullptr) manager->TryDeregisterCallback(token);
    done();
  });
  const std::string cancelled = "the step was cancelled";
  if (manager != nullptr &&
      !manager->RegisterCallback(token, [cluster, call, cancelled] { cluster->Cancel(call, cancelled); })) {
    return call.Fail(cancelled);
  }
  start(call);
}

template <bool kCreates>
class SparseTableRowsOp final : public ClusterKernel {
 public:
  explicit SparseTableRowsOp(OpKernelConstruction* construction) : ClusterKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("widths", &widths_));
  }

  void ComputeAsync(OpKernelContext* context, DoneCallback done) override {
    OpInputList signs;
    OP_REQUIRES_OK_ASYNC(context, context->input_list("signs", &signs), done);
    const std::shared_ptr<PsCluster> cluster = FindCluster(context, signs.size());
    std::uint64_t step = 0;
    if (cluster == nullptr || !HasWidths(context, *cluster) || (kCreates && !StepOf(context, &step)))
      return done();
    const auto emit = [context, cluster](const WorkingSet& set) { return Emit(context, *cluster, set); };
    Begin<Worker::RowsCall>(context, cluster, done, emit, [&](const Worker::RowsCall& call) {
      if constexpr (kCreates) {
        cluster->Pull(step, SignsOf(signs), call);
      } else {
        cluster->Read(SignsOf(signs), call);
      }
    });
  }

 private:
  // The declared shape of the rows must be what the tables give. Sets the status if it is not.
  bool HasWidths(OpKernelContext* context, const PsCluster& cluster) const {
    for (std::size_t t = 0; t < cluster.tables().size(); ++t) {
      const std::uint32_t width = cluster.tables()[t]->width();
      if (t < widths_.size() && widths_[t] == static_cast<std::int32_t>(width)) continue;
      context->SetStatus(absl::InvalidArgumentError("widths does not fit table " + std::to_string(t) +
                                                    " of the cluster, whose rows have " +
                                                    std::to_string(width) + " floats"));
      return false;
    }
    return true;
  }

  std::vector<std::int32_t> widths_;
};

class SparseTablePushOp final : public ClusterKernel {
 public:
  using ClusterKernel::ClusterKernel;

  void ComputeAsync(OpKernelContext* context, DoneCallback done) override {
    OpInputList inputs;
    OP_REQUIRES_OK_ASYNC(context, context->input_list("gradients", &inputs), done);
    const std::shared_ptr<PsCluster> cluster = FindCluster(context, inputs.size());
    std::uint64_t step = 0;
    if (cluster == nullptr || !StepOf(context, &step)) return done();
    const Tensor& dense = context->input(1 + inputs.size());
    OP_REQUIRES_ASYNC(
        context, static_cast<std::size_t>(dense.NumElements()) == cluster->dense_total(),
        absl::InvalidArgumentError("dense_gradient has " + std::to_string(dense.NumElements()) +
                                   " elements, the cluster holds " + std::to_string(cluster->dense_total())),
        done);
    std::vector<Worker::Gradient> gradients;
    for (const Tensor& input : inputs) {
      OP_REQUIRES_ASYNC(context, input.dims() == 2,
                        absl::InvalidArgumentError("a gradient has shape " + input.shape().DebugString() +
                                                   ", expected [distinct signs, width]"),
                        done);
      gradients.push_back({input.flat<float>().data(), static_cast<std::size_t>(input.dim_size(0)),
                           static_cast<std::size_t>(input.dim_size(1))});
    }
    const auto nothing = [] { return absl::OkStatus(); };
    Begin<Worker::DoneCall>(context, cluster, done, nothing, [&](const Worker::DoneCall& call) {
      cluster->Push(step, std::move(gradients), dense.flat<float>().data(), call);
    });
  }
};

class SumOverRanksOp final : public ClusterKernel {
 public:
  using ClusterKernel::ClusterKernel;

  void ComputeAsync(OpKernelContext* context, DoneCallback done) override {
    const std::shared_ptr<PsCluster> cluster = FindCluster(context);
    if (cluster == nullptr) return done();
    const Tensor& values = context->input(0);
    Tensor* sum = nullptr;
    OP_REQUIRES_OK_ASYNC(context, context->allocate_output(0, values.shape(), &sum), done);
    const auto size = static_cast<std::size_t>(values.NumElements());
    const auto copy = [out = sum->flat<float>().data()](std::span<const float> total) {
      std::copy(total.begin(), total.end(), out);
      return absl::OkStatus();
    };
    Begin<RankSum::SumCall>(context, cluster, done, copy, [&](const RankSum::SumCall& call) {
      cluster->Sum({values.flat<float>().data(), size}, call);
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("SumOverRanks").Device(tensorflow::DEVICE_CPU), SumOverRanksOp);
REGISTER_KERNEL_BUILDER(Name("SparseTablePull").Device(tensorflow::DEVICE_CPU), SparseTableRowsOp<true>);
REGISTER_KERNEL_BUILDER(Name("SparseTableRead").Device(tensorflow::DEVICE_CPU), SparseTableRowsOp<false>);
REGISTER_KERNEL_BUILDER(Name("SparseTablePush").Device(tensorflow::DEVICE_CPU), SparseTablePushOp);

}  // namespace
}  // namespace wideload
