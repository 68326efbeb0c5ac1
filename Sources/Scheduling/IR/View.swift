// SPDX-License-Identifier: Apache-2.0
//
// Affine views. Broadcasts, transposes, slices and most reshapes are never copied: they become the
// strides with which a kernel reads the array they look at.

package import TensorIR

/// A strided window on a value that has storage. The storage of `root` is always dense row-major, so
/// a view is known before memory is laid out.
///
/// Element `i` of the view is element `offset + sum_a i[a] * strides[a]` of the root.
package struct View: Hashable, Sendable {
  package var root: ValueID
  package var offset: Int
  package var shape: [Int]
  package var strides: [Int]

  /// The whole of a dense value.
  package init(dense root: ValueID, shape: [Int]) {
    self.root = root
    self.offset = 0
    self.shape = shape
    self.strides = shape.denseStrides
  }

  /// Whether the elements lie one after the other in row-major order.
  package var isContiguous: Bool {
    zip(shape, zip(strides, shape.denseStrides)).allSatisfy { $0 == 1 || $1.0 == $1.1 }
  }

  /// Operand axis `i` is result axis `axes[i]`; the other axes repeat with stride zero.
  package func broadcast(to newShape: [Int], axes: [Int]) -> View {
    var view = self
    view.shape = newShape
    view.strides = [Int](repeating: 0, count: newShape.count)
    for (source, target) in axes.enumerated() { view.strides[target] = strides[source] }
    return view
  }

  package func transposed(_ permutation: [Int]) -> View {
    var view = self
    view.shape = permutation.map { shape[$0] }
    view.strides = permutation.map { strides[$0] }
    return view
  }

  package func sliced(starts: [Int], shape newShape: [Int]) -> View {
    var view = self
    view.shape = newShape
    view.offset += zip(starts, strides).map(*).reduce(0, +)
    return view
  }

  /// One axis becomes two, windows and their elements; see `AxisWindows`.
  package func windowed(_ windows: AxisWindows) -> View {
    var view = self
    let (axis, stride) = (windows.axis, strides[windows.axis])
    view.offset += windows.start * stride
    view.shape.replaceSubrange(axis...axis, with: [windows.count, windows.size])
    view.strides.replaceSubrange(
      axis...axis, with: [windows.stride * stride, windows.dilation * stride])
    return view
  }

  /// The view under another shape of the same size, or `nil` if no strides express it (a transposed
  /// array flattened, say): then the elements must be copied first.
  package func reshaped(to newShape: [Int]) -> View? {
    // Walk both shapes from the outside, matching groups of axes with equal products. Within a
    // group the old axes must lie densely in one another, and the new axes then split that run.
    let old = shape.indices.filter { shape[$0] != 1 }
    let new = newShape.indices.filter { newShape[$0] != 1 }
    var newStrides = [Int](repeating: 0, count: newShape.count)
    var (i, j) = (0, 0)
    while i < old.count || j < new.count {
      guard i < old.count, j < new.count else { return nil }
      var (oldEnd, newEnd) = (i + 1, j + 1)
      var (oldSize, newSize) = (shape[old[i]], newShape[new[j]])
      while oldSize != newSize {
        if oldSize < newSize {
          guard oldEnd < old.count else { return nil }
          oldSize *= shape[old[oldEnd]]
          oldEnd += 1
        } else {
          guard newEnd < new.count else { return nil }
          newSize *= newShape[new[newEnd]]
          newEnd += 1
        }
      }
      for axis in (i + 1)..<max(oldEnd, i + 1) {
        guard strides[old[axis - 1]] == strides[old[axis]] * shape[old[axis]] else { return nil }
      }
      var stride = strides[old[oldEnd - 1]]
      for axis in (j..<newEnd).reversed() {
        newStrides[new[axis]] = stride
        stride *= newShape[new[axis]]
      }
      (i, j) = (oldEnd, newEnd)
    }
    var view = self
    view.shape = newShape
    view.strides = newStrides
    return view
  }
}
