// MpiAllreduce, MpiAllgather, MpiSparseAllreduce: the job's MPI inside the graph.
//
//   sum       = MpiAllreduce(values)              [n] float, added over the ranks: the same bits on all
//   all       = MpiAllgather(values)              [n, ...] float or int64, concatenated in rank order; n may differ
//   ids, rows, sent, received = MpiSparseAllreduce(ids, rows)
//                                                 per table: rows of distinct ids, added over the ranks (SparseSum)
//
// The kernels enqueue on the thread of their CollectiveThread and are called back, so no TensorFlow thread waits in MPI.
// All ranks must run them in the same order: the caller orders them by control dependencies.

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "cluster/collectives.h"
#include "cluster/sparse_sum.h"
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

REGISTER_OP("MpiAllreduce")
    .Attr("collectives: int")
    .Input("values: float")
    .Output("sum: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

REGISTER_OP("MpiAllgather")
    .Attr("collectives: int")
    .Attr("T: {float, int64}")
    .Input("values: T")
    .Output("all: T")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* context) {
      ShapeHandle values;
      TF_RETURN_IF_ERROR(context->WithRankAtLeast(context->input(0), 1, &values));
      ShapeHandle all;
      TF_RETURN_IF_ERROR(context->ReplaceDim(values, 0, context->UnknownDim(), &all));
      context->set_output(0, all);
      return absl::OkStatus();
    });

REGISTER_OP("MpiSparseAllreduce")
    .Attr("collectives: int")
    .Attr("N: int >= 1")
    .Input("ids: N * int64")
    .Input("rows: N * float")
    .Output("all_ids: N * int64")
    .Output("sums: N * float")
    .Output("sent: int64")
    .Output("received: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* context) {
      const int tables = context->num_inputs() / 2;
      for (int t = 0; t < tables; ++t) {
        ShapeHandle ids, rows, sums;
        TF_RETURN_IF_ERROR(context->WithRank(context->input(t), 1, &ids));
        TF_RETURN_IF_ERROR(context->WithRank(context->input(tables + t), 2, &rows));
        TF_RETURN_IF_ERROR(context->ReplaceDim(rows, 0, context->UnknownDim(), &sums));
        context->set_output(t, context->Vector(InferenceContext::kUnknownDim));
        context->set_output(tables + t, sums);
      }
      context->set_output(2 * tables, context->Scalar());
      context->set_output(2 * tables + 1, context->Scalar());
      return absl::OkStatus();
    });

// Finds its thread by the attribute `collectives`, the id of the Python object, and runs a job there.
class CollectiveKernel : public AsyncOpKernel {
 public:
  explicit CollectiveKernel(OpKernelConstruction* construction) : AsyncOpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("collectives", &id_));
  }

 protected:
  // `job` returns the kernel's status; a job that throws is an AbortedError.
  void Run(OpKernelContext* context, DoneCallback done,
           std::function<absl::Status(Collectives&, SparseSum&)> job) const {
    const std::shared_ptr<CollectiveThread> thread = CollectiveThreads().Find(id_);
    OP_REQUIRES_ASYNC(context, thread != nullptr,
                      absl::FailedPreconditionError("there are no open collectives with id " +
                                                    std::to_string(id_) + " in this process"),
                      done);
    thread->Run([context, job = std::move(job)](Collectives& mpi,
                                                SparseSum& sparse) { context->SetStatus(job(mpi, sparse)); },
                [context, done = std::move(done)](const std::string& error) {
                  if (!error.empty()) context->SetStatus(absl::AbortedError(error));
                  done();
                });
  }

 private:
  std::int64_t id_ = 0;
};

class MpiAllreduceOp final : public CollectiveKernel {
 public:
  using CollectiveKernel::CollectiveKernel;

  void ComputeAsync(OpKernelContext* context, DoneCallback done) override {
    Run(context, std::move(done), [context](Collectives& mpi, SparseSum&) {
      const Tensor& values = context->input(0);
      Tensor* sum = nullptr;
      TF_RETURN_IF_ERROR(context->forward_input_or_allocate_output({0}, 0, values.shape(), &sum));
      if (sum->data() != values.data()) std::memcpy(sum->data(), values.data(), values.TotalBytes());
      mpi.Sum({sum->flat<float>().data(), static_cast<std::size_t>(sum->NumElements())});
      return absl::OkStatus();
    });
  }
};

class MpiAllgatherOp final : public CollectiveKernel {
 public:
  using CollectiveKernel::CollectiveKernel;

  void ComputeAsync(OpKernelContext* context, DoneCallback done) override {
    Run(context, std::move(done), [context](Collectives& mpi, SparseSum&) {
      const Tensor& values = context->input(0);
      std::vector<std::int64_t> counts = mpi.Counts(values.dim_size(0));
      TensorShape shape = values.shape();
      shape.set_dim(0, std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
      Tensor* all = nullptr;
      TF_RETURN_IF_ERROR(context->allocate_output(0, shape, &all));
      std::int64_t row = 1;
      for (int dim = 1; dim < shape.dims(); ++dim) row *= shape.dim_size(dim);
      for (std::int64_t& count : counts) count *= row;
      mpi.Gather(values.data(), static_cast<std::size_t>(tensorflow::DataTypeSize(values.dtype())), counts,
                 all->data());
      return absl::OkStatus();
    });
  }
};

class MpiSparseAllreduceOp final : public CollectiveKernel {
 public:
  using CollectiveKernel::CollectiveKernel;

  void ComputeAsync(OpKernelContext* context, DoneCallback done) override {
    OpInputList ids, rows;
    OP_REQUIRES_OK_ASYNC(context, context->input_list("ids", &ids), done);
    OP_REQUIRES_OK_ASYNC(context, context->input_list("rows", &rows), done);
    std::vector<SparseRows> tables;
    for (int t = 0; t < ids.size(); ++t) {
      OP_REQUIRES_ASYNC(context, rows[t].dims() == 2 && rows[t].dim_size(0) == ids[t].NumElements(),
                        absl::InvalidArgumentError("rows of shape " + rows[t].shape().DebugString() +
                                                   " for " + std::to_string(ids[t].NumElements()) + " ids"),
                        done);
      const auto* begin = reinterpret_cast<const Sign*>(ids[t].flat<std::int64_t>().data());
      const auto* floats = rows[t].flat<float>().data();
      tables.push_back({static_cast<std::size_t>(rows[t].dim_size(1)),
                        {begin, begin + ids[t].NumElements()},
                        {floats, floats + rows[t].NumElements()}});
    }
    Run(context, std::move(done),
        [context, tables = std::move(tables)](Collectives&, SparseSum& sparse) mutable {
          sparse.Add(&tables);
          const int count = static_cast<int>(tables.size());
          for (int t = 0; t < count; ++t) {
            const SparseRows& table = tables[static_cast<std::size_t>(t)];
            const auto distinct = static_cast<std::int64_t>(table.ids.size());
            TF_RETURN_IF_ERROR(Copy(context, t, TensorShape({distinct}), table.ids));
            const TensorShape shape({distinct, static_cast<std::int64_t>(table.width)});
            TF_RETURN_IF_ERROR(Copy(context, count + t, shape, table.rows));
          }
          const std::vector<std::int64_t> sent{static_cast<std::int64_t>(sparse.sent())};
          const std::vector<std::int64_t> received{static_cast<std::int64_t>(sparse.received())};
          TF_RETURN_IF_ERROR(Copy(context, 2 * count, TensorShape({}), sent));
          TF_RETURN_IF_ERROR(Copy(context, 2 * count + 1, TensorShape({}), received));
          return absl::OkStatus();
        });
  }
};

REGISTER_KERNEL_BUILDER(Name("MpiAllreduce").Device(tensorflow::DEVICE_CPU), MpiAllreduceOp);
REGISTER_KERNEL_BUILDER(Name("MpiAllgather").Device(tensorflow::DEVICE_CPU), MpiAllgatherOp);
REGISTER_KERNEL_BUILDER(Name("MpiSparseAllreduce").Device(tensorflow::DEVICE_CPU), MpiSparseAllreduceOp);

}  // namespace
}  // namespace wideload
