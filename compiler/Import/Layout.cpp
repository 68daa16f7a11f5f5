#include "compiler/Import/Layout.h"

#include <algorithm>

namespace neap::onnx {

bool holdsOnly(const Axis &axis, AtomKind kind) {
  return std::all_of(axis.begin(), axis.end(),
                     [&](const Atom &atom) { return atom.kind == kind; });
}

/// Appends an atom, joined to the last one where both are one run of steps.
static void append(Axis &axis, Atom atom) {
  if (atom.size == 1)
    return;
  if (!axis.empty()) {
    Atom &last = axis.back();
    if (last.kind == atom.kind && last.stride == atom.stride * atom.size) {
      last.size *= atom.size;
      last.stride = atom.stride;
      return;
    }
  }
  axis.push_back(atom);
}

std::vector<int64_t> Layout::shape() const {
  std::vector<int64_t> sizes;
  for (const Axis &axis : axes)
    sizes.push_back(axisSize(axis));
  return sizes;
}

std::optional<Layout>
Layout::reshaped(const std::vector<int64_t> &shape) const {
  std::vector<Atom> rest; // reversed: the outermost atom is last
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis)
    rest.insert(rest.end(), axis->rbegin(), axis->rend());
  Layout result;
  result.offset = offset;
  for (int64_t size : shape) {
    Axis axis;
    while (size > 1) {
      if (rest.empty())
        return std::nullopt;
      Atom atom = rest.back();
      rest.pop_back();
      if (size % atom.size == 0) {
        append(axis, atom);
        size /= atom.size;
        continue;
      }
      if (atom.size % size != 0)
        return std::nullopt;
      int64_t inner = atom.size / size;
      append(axis, {atom.kind, size, atom.stride * inner});
      rest.push_back({atom.kind, inner, atom.stride});
      size = 1;
    }
    result.axes.push_back(std::move(axis));
  }
  return rest.empty() ? std::optional<Layout>(result) : std::nullopt;
}

Layout Layout::transposed(const std::vector<int64_t> &order) const {
  Layout result;
  result.offset = offset;
  for (int64_t axis : order)
    result.axes.push_back(axes[axis]);
  return result;
}

std::optional<Layout>
Layout::expanded(const std::vector<int64_t> &shape) const {
  if (shape.size() < axes.size())
    return std::nullopt;
  Layout result = *this;
  result.axes.insert(result.axes.begin(), shape.size() - axes.size(), Axis());
  for (size_t i = 0; i < shape.size(); ++i) {
    if (axisSize(result.axes[i]) == shape[i])
      continue;
    if (axisSize(result.axes[i]) != 1)
      return std::nullopt;
    result.axes[i] = {{AtomKind::Repeat, shape[i], 0}};
  }
  return result;
}

std::optional<Layout> Layout::sliced(size_t axis, int64_t begin, int64_t step,
                                     int64_t count) const {
  Layout result = *this;
  if (begin == 0 && step == 1 && count == axisSize(axes[axis]))
    return result;
  if (axes[axis].size() != 1 || axes[axis][0].kind != AtomKind::Column ||
      count < 1)
    return std::nullopt;
  int64_t stride = axes[axis][0].stride;
  result.offset += begin * stride;
  result.axes[axis].clear();
  append(result.axes[axis], {AtomKind::Column, count, stride * step});
  return result;
}

std::optional<std::vector<int64_t>> Layout::columns() const {
  std::vector<int64_t> result = {offset};
  for (const Axis &axis : axes)
    for (const Atom &atom : axis) {
      if (atom.kind == AtomKind::Repeat)
        return std::nullopt;
      if (atom.kind != AtomKind::Column)
        continue;
      std::vector<int64_t> next;
      next.reserve(result.size() * atom.size);
      for (int64_t column : result)
        for (int64_t i = 0; i < atom.size; ++i)
          next.push_back(column + i * atom.stride);
      result = std::move(next);
    }
  return result;
}

Layout Layout::rebased() const {
  Layout result;
  result.axes.resize(axes.size());
  int64_t stride = 1;
  std::vector<Axis> strided = axes;
  for (auto axis = strided.rbegin(); axis != strided.rend(); ++axis)
    for (auto atom = axis->rbegin(); atom != axis->rend(); ++atom)
      if (atom->kind == AtomKind::Column) {
        atom->stride = stride;
        stride *= atom->size;
      }
  for (size_t i = 0; i < axes.size(); ++i)
    for (const Atom &atom : strided[i])
      append(result.axes[i], atom);
  return result;
}

} // namespace neap::onnx
