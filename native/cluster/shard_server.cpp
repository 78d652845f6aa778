#include "cluster/shard_server.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "cluster/wire.h"

namespace wideload {
namespace {

constexpr std::size_t kMostStaleness = 1023;  // the last place of the histogram counts this and more

[[noreturn]] void Refuse(const Message& message, const std::string& why) {
  throw std::runtime_error("rank " + std::to_string(message.peer) + " sent " + Describe(message.header()) +
                           ": " + why);
}

// The value of RowHeader::slot in rows that this step has located. Steps 65,536 apart share a tag: such a row
// is answered late without need, but never too early.
std::uint16_t TagOfStep(std::uint64_t step) { return static_cast<std::uint16_t>(step); }

// One bit per row, in words.
void AppendLateBits(Buffer& message, const std::uint8_t* late, std::size_t count) {
  for (std::size_t first = 0; first < count; first += 64) {
    const std::size_t size = std::min<std::size_t>(64, count - first);
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) word |= std::uint64_t{late[first + i]} << i;
    message.Append(word);
  }
}

const float* AsFloats(const std::byte* bytes) { return reinterpret_cast<const float*>(bytes); }

// The dense gradient is not aligned where an odd number of halves precedes it.
float FloatAt(const std::byte* bytes, std::size_t i) {
  float value;
  std::memcpy(&value, bytes + i * sizeof(value), sizeof(value));
  return value;
}

}  // namespace

ShardServer::ShardServer(int rank, int ranks, std::vector<std::shared_ptr<SparseTable>> tables,
                         DenseShard dense, ServerPolicy policy, Acquire acquire, Release release, Reply reply)
    : rank_(rank),
      ranks_(ranks),
      tables_(std::move(tables)),
      dense_(std::move(dense)),
      policy_(policy),
      acquire_(std::move(acquire)),
      release_(std::move(release)),
      reply_(std::move(reply)),
      next_(static_cast<std::size_t>(ranks), 0) {
  for (const auto& table : tables_) rows_may_move_ = rows_may_move_ || table->layout().top_class() > 0;
}

void ShardServer::SetLearningRateScale(float scale) {
  for (const auto& table : tables_) table->SetLearningRateScale(scale);
  learning_rate_scale_ = scale;
}

void ShardServer::Handle(Message message) {
  const MessageHeader header = message.header();
  switch (header.kind) {
    case MessageKind::kPull:
      OnPull(std::move(message));
      return;
    case MessageKind::kPush:
    case MessageKind::kAbandon:
      OnPush(std::move(message));
      return;
    case MessageKind::kRead:
    case MessageKind::kFlush:
      held_.push_back(std::move(message));
      ServeHeld();
      return;
    default:
      Refuse(message, "owners do not accept this kind");
  }
}

// ---------------------------------------------------------------------------------------------- pulls

void ShardServer::OnPull(Message message) {
  const std::uint64_t step = message.header().step;
  if (!policy_.synchronous) {
    held_.push_back(std::move(message));
    ServeHeld();
    return;
  }
  Gathering& gathering = gathering_[step];
  if (gathering.pulls.empty()) gathering.pulls.resize(static_cast<std::size_t>(ranks_));
  auto& slot = gathering.pulls[static_cast<std::size_t>(message.peer)];
  if (slot) Refuse(message, "this rank has pulled that step already");
  slot = std::move(message);
  ++gathering.present;
  StartSynchronousSteps();
}

void ShardServer::StartSynchronousSteps() {
  while (!gathering_.empty() && gathering_.begin()->second.present == static_cast<std::size_t>(ranks_)) {
    // If admission can move rows, nothing is located while a push is outstanding.
    if (outstanding_.size() > (rows_may_move_ ? 0u : 1u)) return;
    auto node = gathering_.extract(gathering_.begin());
    Step step = TakeSpare();
    step.step = node.key();
    std::vector<Message*> pulls;
    for (auto& pull : node.mapped().pulls) pulls.push_back(&*pull);
    Locate(step, pulls);
    for (auto& pull : node.mapped().pulls) release_(std::move(pull->bytes));
    Answer(step, outstanding_.empty() ? RowsPart::kAll : RowsPart::kEarly, 0);
    outstanding_.push_back(std::move(step));
  }
}

std::vector<int> ShardServer::Awaited() const {
  std::vector<int> awaited;
  if (!policy_.synchronous || (outstanding_.empty() && gathering_.empty())) return awaited;
  const auto& came = outstanding_.empty() ? gathering_.begin()->second.pulls : outstanding_.front().pushes;
  for (int source = 0; source < ranks_; ++source) {
    if (source != rank_ && !came[static_cast<std::size_t>(source)]) awaited.push_back(source);
  }
  return awaited;
}

void ShardServer::Locate(Step& step, std::vector<Message*> pulls) {
  step.number = located_++;
  step.pushes.resize(static_cast<std::size_t>(ranks_));
  step.tables.resize(tables_.size());
  std::vector<BodyReader> bodies;
  std::vector<std::vector<std::uint64_t>> counts(pulls.size(), std::vector<std::uint64_t>(tables_.size()));
  for (std::size_t source = 0; source < pulls.size(); ++source) {
    step.sources.push_back(pulls[source]->peer);
    bodies.emplace_back(pulls[source]->bytes);
    const std::byte* head = bodies[source].Take(tables_.size() * sizeof(std::uint64_t));
    std::memcpy(counts[source].data(), head, tables_.size() * sizeof(std::uint64_t));
  }
  std::vector<std::pair<const Sign*, std::size_t>> asked(pulls.size());
  for (std::size_t table = 0; table < tables_.size(); ++table) {
    for (std::size_t source = 0; source < pulls.size(); ++source) {
      const std::size_t count = counts[source][table];
      asked[source] = {bodies[source].TakeArray<Sign>(count), count};
    }
    LocateTable(table, step, asked);
    if (policy_.synchronous) FindLate(step.tables[table]);
  }
}

ShardServer::Step ShardServer::TakeSpare() {
  Step step;
  if (!spare_.empty()) {
    step = std::move(spare_.back());
    spare_.pop_back();
  }
  step.sources.clear();
  for (auto& push : step.pushes) push.reset();
  return step;
}

void ShardServer::LocateTable(std::size_t table, Step& step,
                              const std::vector<std::pair<const Sign*, std::size_t>>& asked) {
  LocatedTable& located = step.tables[table];
  located.offsets.assign(1, 0);
  for (const auto& [signs, count] : asked) located.offsets.push_back(located.offsets.back() + count);
  const std::size_t total = located.offsets.back();
  const auto clock = static_cast<std::uint32_t>(step.step);
  const auto prepare = [&](std::size_t distinct) {
    union_signs_ += distinct;
    located.refs.resize(distinct);
    previous_tags_.resize(distinct);
    return SparseTable::StepTag{TagOfStep(step.step), previous_tags_.data()};
  };
  located.inverse.resize(total);
  if (asked.size() == 1) {  // a worker's list is distinct and ordered by shard already
    std::iota(located.inverse.begin(), located.inverse.end(), 0);
    const SparseTable::StepTag tag = prepare(total);
    tables_[table]->Locate({asked[0].first, total}, clock, located.refs.data(), tag);
    return;
  }
  asked_signs_.resize(total);
  for (std::size_t source = 0; source < asked.size(); ++source) {
    std::copy_n(asked[source].first, asked[source].second,
                asked_signs_.begin() + static_cast<std::ptrdiff_t>(located.offsets[source]));
  }
  const Unique::ShardedResult found = unique_.FindByShard(asked_signs_, tables_[table]->salt());
  std::copy(found.inverse.begin(), found.inverse.end(), located.inverse.begin());
  const SparseTable::StepTag tag = prepare(found.unique.size());
  tables_[table]->Locate(found, clock, located.refs.data(), tag);
}

// Finds the rows that the outstanding step has located too, and that its push will still change.
void ShardServer::FindLate(LocatedTable& located) {
  located.late.clear();
  if (outstanding_.empty()) return;
  const std::uint16_t before = TagOfStep(outstanding_.front().step);
  located.late.resize(located.inverse.size());
  std::uint64_t late = 0;
  for (std::size_t i = 0; i < located.inverse.size(); ++i) {
    located.late[i] = previous_tags_[static_cast<std::size_t>(located.inverse[i])] == before;
    late += located.late[i];
  }
  late_rows_ += late;
  early_rows_ += located.inverse.size() - late;
}

void ShardServer::Answer(Step& step, RowsPart part, std::uint32_t staleness) {
  for (std::size_t source = 0; source < step.sources.size(); ++source) {
    const int to = step.sources[source];
    MessageHeader header;
    header.kind = MessageKind::kRows;
    header.part = part;
    header.format = FormatTo(to);
    header.step = step.step;
    header.staleness = staleness;
    Buffer message = StartMessage(acquire_(), header);
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      AppendRows(message, table, step.tables[table], source, part, header.format);
    }
    if (part != RowsPart::kEarly) AppendDense(message);
    reply_(to, std::move(message));
  }
}

void ShardServer::AppendRows(Buffer& message, std::size_t table, const LocatedTable& located,
                             std::size_t source, RowsPart part, WireFormat format) {
  const std::size_t begin = located.offsets[source];
  const std::size_t count = located.offsets[source + 1] - begin;
  chosen_.resize(count);
  const auto ref_of = [&](std::size_t i) {
    return located.refs[static_cast<std::size_t>(located.inverse[begin + i])];
  };
  if (part == RowsPart::kAll) {
    for (std::size_t i = 0; i < count; ++i) chosen_[i] = ref_of(i);
  } else {
    const std::uint8_t* late = located.late.data() + begin;
    if (part == RowsPart::kEarly) AppendLateBits(message, late, count);
    const std::uint8_t wanted = part == RowsPart::kLate ? 1 : 0;
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
      chosen_[found] = ref_of(i);
      found += late[i] == wanted ? 1 : 0;
    }
    chosen_.resize(found);
  }
  const std::size_t floats = chosen_.size() * tables_[table]->width();
  std::byte* out = message.Extend(floats * WireBytes(format));
  if (format == WireFormat::kFloat32) {
    tables_[table]->Read(chosen_, reinterpret_cast<float*>(out));
    return;
  }
  rows_.resize(std::max(rows_.size(), floats));
  tables_[table]->Read(chosen_, rows_.data());
  Encode(format, rows_.data(), floats, out);
}

void ShardServer::AppendDense(Buffer& message) { message.Append(dense_.weights()); }

void ShardServer::OnRead(const Message& message) {
  MessageHeader header = message.header();
  BodyReader body(message.bytes);
  std::vector<std::uint64_t> counts(tables_.size());
  std::memcpy(counts.data(), body.Take(tables_.size() * sizeof(std::uint64_t)),
              tables_.size() * sizeof(std::uint64_t));
  header.kind = MessageKind::kRows;
  header.part = RowsPart::kAll;
  header.format = WireFormat::kFloat32;
  Buffer reply = StartMessage(acquire_(), header);
  for (std::size_t table = 0; table < tables_.size(); ++table) {
    const auto* signs = body.TakeArray<Sign>(counts[table]);
    std::byte* out = reply.Extend(counts[table] * tables_[table]->width() * sizeof(float));
    tables_[table]->PullReadOnly({signs, counts[table]}, reinterpret_cast<float*>(out));
  }
  AppendDense(reply);
  reply_(message.peer, std::move(reply));
}

// --------------------------------------------------------------------------------------------- pushes

void ShardServer::OnPush(Message message) {
  const MessageHeader header = message.header();
  const auto source = static_cast<std::size_t>(message.peer);
  const auto found = std::find_if(outstanding_.begin(), outstanding_.end(), [&](const Step& step) {
    return step.step == header.step && (policy_.synchronous || step.sources.front() == message.peer);
  });
  if (found == outstanding_.end()) {
    if (policy_.synchronous || header.step >= next_[source])
      Refuse(message, "no pull of that step is outstanding; pull first, then push once");
    ++duplicate_pushes_;  // sent again because its acknowledgement was slow
    Acknowledge(message);
    return;
  }
  if (found->pushes[source]) Refuse(message, "this rank has pushed that step already");
  if (policy_.synchronous && found != outstanding_.begin())
    Refuse(message, "push step " + std::to_string(outstanding_.front().step) + " first");
  found->pushes[source] = std::move(message);
  const bool complete = std::all_of(found->sources.begin(), found->sources.end(), [&](int from) {
    return found->pushes[static_cast<std::size_t>(from)].has_value();
  });
  if (!complete) return;
  Apply(*found);
  Finish(*found);
  spare_.push_back(std::move(*found));
  outstanding_.erase(found);
  ReleaseMoved();
  if (policy_.synchronous && !outstanding_.empty()) {
    Answer(outstanding_.front(), RowsPart::kLate, 0);
  }
  StartSynchronousSteps();
  ServeHeld();
}

// Counts, acknowledges and releases the pushes of a step that has been applied.
void ShardServer::Finish(Step& step) {
  for (const int from : step.sources) {
    const Message& push = *step.pushes[static_cast<std::size_t>(from)];
    next_[static_cast<std::size_t>(from)] = step.step + 1;
    if (!policy_.synchronous && push.header().kind == MessageKind::kPush) Acknowledge(push);
  }
  for (auto& push : step.pushes) {
    if (push) release_(std::move(push->bytes));
  }
}

// Frees the memory that rows had before they moved, once no outstanding step can hold a reference to it: what
// has moved by now is sealed, and released when all steps that were outstanding then are done. Ranks that are
// never all between steps at once would otherwise keep it for ever.
void ShardServer::ReleaseMoved() {
  if (!rows_may_move_) return;
  if (outstanding_.empty()) {
    for (const auto& table : tables_) table->ReleaseMoved();
    sealed_at_.reset();
    return;
  }
  const bool referenced =
      sealed_at_ && std::any_of(outstanding_.begin(), outstanding_.end(),
                                [&](const Step& step) { return step.number < *sealed_at_; });
  if (referenced) return;
  for (const auto& table : tables_) table->ReleaseSealed();
  for (const auto& table : tables_) table->SealMoved();
  sealed_at_ = located_;
}

void ShardServer::Apply(Step& step) {
  std::vector<Contribution> contributions;
  for (std::size_t source = 0; source < step.sources.size(); ++source) {
    const Message& push = *step.pushes[static_cast<std::size_t>(step.sources[source])];
    if (push.header().kind == MessageKind::kAbandon) continue;
    contributions.push_back({source, BodyReader(push.bytes), push.header().format});
  }
  if (contributions.empty()) return;
  for (std::size_t table = 0; table < tables_.size(); ++table)
    ApplyTable(table, step.tables[table], contributions);
  ApplyDense(contributions);
}

void ShardServer::ApplyTable(std::size_t table, LocatedTable& located,
                             std::vector<Contribution>& contributions) {
  const std::size_t width = tables_[table]->width();
  gradient_of_.assign(located.refs.size(), nullptr);
  sums_.resize(std::max(sums_.size(), (located.inverse.size() - located.refs.size()) * width));
  summed_ = 0;
  decoded_.resize(contributions.size());
  for (std::size_t i = 0; i < contributions.size(); ++i) {
    auto& [source, body, format] = contributions[i];
    const std::size_t floats = (located.offsets[source + 1] - located.offsets[source]) * width;
    const std::byte* values = body.Take(floats * WireBytes(format));
    const float* gradients = AsFloats(values);
    if (format != WireFormat::kFloat32) {
      decoded_[i].resize(floats);
      Decode(format, values, floats, decoded_[i].data());
      gradients = decoded_[i].data();
    }
    AddGradients(located, source, gradients, width);
  }
  if (contributions.size() + 1 == located.offsets.size()) {
    tables_[table]->Apply(located.refs, gradient_of_.data());
    return;
  }
  // Some source has abandoned the step: rows that it alone has located have no gradient.
  chosen_.clear();
  chosen_gradients_.clear();
  for (std::size_t i = 0; i < located.refs.size(); ++i) {
    if (gradient_of_[i] == nullptr) continue;
    chosen_.push_back(located.refs[i]);
    chosen_gradients_.push_back(gradient_of_[i]);
  }
  tables_[table]->Apply(chosen_, chosen_gradients_.data());
}

// A row that only one rank has used takes its gradient from the message; others are summed in rank order.
void ShardServer::AddGradients(const LocatedTable& located, std::size_t source, const float* gradients,
                               std::size_t width) {
  const std::size_t begin = located.offsets[source];
  const std::size_t count = located.offsets[source + 1] - begin;
  for (std::size_t i = 0; i < count; ++i) {
    const float*& gradient = gradient_of_[static_cast<std::size_t>(located.inverse[begin + i])];
    const float* more = gradients + i * width;
    if (gradient == nullptr) {
      gradient = more;
      continue;
    }
    const bool is_sum = gradient >= sums_.data() && gradient < sums_.data() + summed_;
    float* sum = is_sum ? sums_.data() + (gradient - sums_.data()) : sums_.data() + summed_;
    if (!is_sum) {
      std::copy_n(gradient, width, sum);
      gradient = sum;
      summed_ += width;
    }
    for (std::size_t j = 0; j < width; ++j) sum[j] += more[j];
  }
}

void ShardServer::ApplyDense(std::vector<Contribution>& contributions) {
  const std::size_t size = dense_.size();
  if (dense_.total() == 0) return;
  sums_.assign(size, 0.0f);
  for (Contribution& contribution : contributions) {
    const std::byte* gradient = contribution.body.Take(size * sizeof(float));
    for (std::size_t i = 0; i < size; ++i) sums_[i] += FloatAt(gradient, i);
  }
  dense_.Apply(sums_, learning_rate_scale_);
}

void ShardServer::Acknowledge(const Message& message) {
  MessageHeader header;
  header.kind = MessageKind::kAck;
  header.step = message.header().step;
  header.sequence = message.header().sequence;
  header.part = message.header().kind == MessageKind::kFlush ? RowsPart::kLate : RowsPart::kAll;
  reply_(message.peer, StartMessage(acquire_(), header));
}

// ------------------------------------------------------------------------------------ held-back messages

bool ShardServer::AwaitsOwnPush(int source) const {
  return std::any_of(outstanding_.begin(), outstanding_.end(), [&](const Step& step) {
    return step.pushes[static_cast<std::size_t>(source)].has_value();
  });
}

bool ShardServer::Fresh(int source, std::uint64_t step, std::uint32_t* staleness) const {
  std::uint64_t slowest = step;
  for (int other = 0; other < ranks_; ++other) {
    if (other != source) slowest = std::min(slowest, next_[static_cast<std::size_t>(other)]);
  }
  *staleness = static_cast<std::uint32_t>(std::min<std::uint64_t>(step - slowest, UINT32_MAX));
  return step - slowest <= policy_.staleness;
}

void ShardServer::CountStaleness(std::uint32_t staleness) {
  const std::size_t place = std::min<std::size_t>(staleness, kMostStaleness);
  if (staleness_histogram_.size() <= place) staleness_histogram_.resize(place + 1, 0);
  ++staleness_histogram_[place];
}

void ShardServer::ServeHeld() {
  // Serving one message can unblock another only through Apply, which calls this again, so one pass suffices.
  std::vector<Message> waiting = std::exchange(held_, {});
  for (Message& message : waiting) {
    const MessageHeader header = message.header();
    std::uint32_t staleness = 0;
    const bool pull = header.kind == MessageKind::kPull;
    if (pull ? !Fresh(message.peer, header.step, &staleness) : AwaitsOwnPush(message.peer)) {
      held_.push_back(std::move(message));
    } else if (pull) {
      Step step = TakeSpare();
      step.step = header.step;
      Locate(step, {&message});
      CountStaleness(staleness);
      release_(std::move(message.bytes));
      Answer(step, RowsPart::kAll, staleness);
      outstanding_.push_back(std::move(step));
    } else if (header.kind == MessageKind::kRead) {
      OnRead(message);
    } else {
      Acknowledge(message);
    }
  }
}

}  // namespace wideload
