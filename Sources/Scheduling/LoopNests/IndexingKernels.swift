// SPDX-License-Identifier: Apache-2.0
//
// Kernels that move data: copies between layouts, rows looked up by index, rows summed by index, and
// the check of indices that nothing is known of.

import Kernels
import TensorIR

/// What a scatter adds up.
enum ScatterUpdates {
  case stored(View)
  /// The rows of a table with the given numbers.
  case gathered(table: View, indices: View)

  /// The shape of the updates.
  var shape: [Int] {
    switch self {
    case .stored(let view): view.shape
    case .gathered(let table, let indices): indices.shape + table.shape.dropFirst()
    }
  }
}

extension KernelBuilder {
  /// Writes what `source` reads into a window of a value.
  ///
  /// - Cost: one read and one write of every element.
  mutating func copy(
    _ source: Binding, shape: [Int], dtype: DType, to destination: View
  ) -> Kernel {
    var strides = [destination.strides]
    var alone = Set<Int>()
    switch source {
    case .view(let view): strides.append(view.strides)
    case .axisIndex(let axis, _): alone.insert(axis)
    case .constant, .stepIndex: break
    }
    let nest = LoopNest(domain: shape, strides: strides, alone: alone)
    var body: [Statement] = []
    let value = read(source, dtype, in: nest, &body)
    let parameter = parameter(for: destination.root, dtype, written: true)
    body.append(
      .store(
        parameter: parameter,
        nest.index(offset: destination.offset, strides: destination.strides), scalar: value))
    let type = TensorType(shape, dtype)
    count(flops: 0, bytes: 2 * type.byteCount)
    return kernel(
      nest.loops(over: Array(nest.groups.indices), body),
      split: nest.sharedLoop(among: Array(nest.groups.indices), of: self))
  }

  /// Writes positions, clamped to `0..<limit`, and notes the first that is out of range.
  ///
  /// - Parameter faults: the record of faults, of the same address as `address` gives for it.
  mutating func checkPositions(
    _ indices: Binding, to result: View, limit: Int, check: Int, faults: ValueID
  ) -> Kernel {
    var strides = [result.strides]
    var alone = Set<Int>()
    switch indices {
    case .view(let view): strides.append(view.strides)
    case .axisIndex(let axis, _): alone.insert(axis)
    case .constant, .stepIndex: break
    }
    let nest = LoopNest(domain: result.shape, strides: strides, alone: alone)
    var body: [Statement] = []
    let value = read(indices, .i32, in: nest, &body)
    let place = nest.index(offset: result.offset, strides: result.strides)
    let record = parameter(for: faults, .i32, written: true)
    let position = define(
      .position(scalar: value, limit: limit, check: check, place: place, faults: record), .i32,
      in: &body)
    let target = parameter(for: result.root, .i32, written: true)
    body.append(.store(parameter: target, place, scalar: position))
    let type = TensorType(result.shape, .i32)
    count(flops: 0, bytes: 2 * type.byteCount)
    return kernel(
      nest.loops(over: Array(nest.groups.indices), body),
      split: nest.sharedLoop(among: Array(nest.groups.indices), of: self))
  }

  /// `result[i..., d...] = table[indices[i...], d...]`.
  mutating func gather(
    table: View, indices: View, result: View, dtype: DType
  ) -> Kernel {
    let rank = indices.shape.count
    let rowRank = result.shape.count - rank
    let zeros = [Int](repeating: 0, count: rank)
    let indexStrides = indices.strides + [Int](repeating: 0, count: rowRank)
    let tableStrides = zeros + Array(table.strides.dropFirst())
    let nest = LoopNest(
      domain: result.shape, strides: [indexStrides, tableStrides, result.strides],
      apart: [Set(0..<rank)])

    var outer: [Statement] = []
    let row = loadIndex(indices, indexStrides, nest, &outer)
    var body: [Statement] = []
    var source = nest.index(offset: table.offset, strides: tableStrides)
    source.lookups = [.init(variable: row, stride: table.strides[0])]
    let tableParameter = parameter(for: table.root, dtype)
    let value = define(.load(parameter: tableParameter, source), dtype, in: &body)
    let target = parameter(for: result.root, dtype, written: true)
    body.append(
      .store(
        parameter: target, nest.index(offset: result.offset, strides: result.strides),
        scalar: value))
    count(flops: 0, bytes: 2 * TensorType(result.shape, dtype).byteCount)
    return indexedKernel(
      nest, rank, outer, body,
      split: nest.sharedLoop(among: nest.groups(in: Array(0..<rank)), of: self))
  }

  /// `result[r, d...] = sum of updates[i..., d...] over the i with indices[i...] = r`, in order.
  ///
  /// - Cost: for each element of the updates a read, and a read and a write of the result.
  mutating func scatterAdd(
    indices: View, updates: ScatterUpdates, result: View, dtype: DType
  ) -> Kernel {
    let rank = indices.shape.count
    let shape = updates.shape
    let rowRank = shape.count - rank
    let zeros = [Int](repeating: 0, count: rank)
    let indexStrides = indices.strides + [Int](repeating: 0, count: rowRank)
    let resultStrides = zeros + Array(result.strides.dropFirst())
    let target = parameter(for: result.root, dtype, written: true)
    // How the updates are walked through, and the rows of a table that they are.
    let (source, sourceStrides, rows, rowStrides) =
      switch updates {
      case .stored(let view): (view, view.strides, nil as View?, indexStrides)
      case .gathered(let table, let numbers):
        (
          table, zeros + Array(table.strides.dropFirst()), numbers,
          numbers.strides + [Int](repeating: 0, count: rowRank)
        )
      }
    let nest = LoopNest(
      domain: shape, strides: [indexStrides, rowStrides, sourceStrides, resultStrides],
      apart: [Set(0..<rank)])
    let updateType = TensorType(shape, dtype)
    count(
      flops: updateType.elementCount,
      bytes: 3 * updateType.byteCount + TensorType(result.shape, dtype).byteCount)
    // Rows may meet in a row of the result, columns never do.
    let inner = nest.groups(in: Array(rank..<shape.count))
    let shared = nest.sharedLoop(among: inner, of: self)
    let type = TensorType(result.shape, dtype)
    let updateCount = indices.shape.reduce(1, *)
    let errors =
      SumBlocks.keepsErrors(ofUpdates: updateCount, table: type)
      ? newLocal(dtype, elementCount: type.elementCount) : nil
    let clear = scope { builder in
      builder.overRows(of: result, dtype, nest, inner, isInColumns: shared != nil) {
        builder, target, place, body in
        let zero = builder.define(.constant(0), dtype, in: &body)
        body.append(.store(parameter: target, place, scalar: zero))
        if let errors { body.append(.storeLocal(errors, place, scalar: zero)) }
      }
    }
    var outer: [Statement] = []
    let row = loadIndex(indices, indexStrides, nest, &outer)
    var body: [Statement] = []
    var update = nest.index(offset: source.offset, strides: sourceStrides)
    if let rows {
      let number = loadIndex(rows, rowStrides, nest, &outer)
      update.lookups = [.init(variable: number, stride: source.strides[0])]
    }
    let value = define(
      .load(parameter: parameter(for: source.root, dtype), update), dtype, in: &body)
    var place = nest.index(offset: result.offset, strides: resultStrides)
    place.lookups = [.init(variable: row, stride: result.strides[0])]
    var end: [Statement] = []
    if let errors {
      let old = defineAnew(.load(parameter: target, place), dtype, in: &body)
      let lost = defineAnew(.loadLocal(errors, place), dtype, in: &body)
      let new = twoSum(old, value, error: lost, dtype, in: &body)
      body.append(.store(parameter: target, place, scalar: new.sum))
      body.append(.storeLocal(errors, place, scalar: new.error))
      end = scope { builder in
        builder.overRows(of: result, dtype, nest, inner, isInColumns: shared != nil) {
          builder, target, place, body in
          let all = builder.defineAnew(.load(parameter: target, place), dtype, in: &body)
          let lost = builder.defineAnew(.loadLocal(errors, place), dtype, in: &body)
          let sum = builder.corrected(all, error: lost, dtype, in: &body)
          body.append(.store(parameter: target, place, scalar: sum))
        }
      }
    } else {
      body.append(.accumulateInMemory(parameter: target, place, .sum, value: value))
    }
    let main = indexedKernel(
      nest, rank, outer, body, split: shared)
    guard case .fused(var fused) = main.body else { return main }
    fused.statements = clear + fused.statements + end
    var kernel = main
    kernel.body = .fused(fused)
    return kernel
  }

  /// Loops over the rows of a scatter's result.
  ///
  /// - Parameters:
  ///   - isInColumns: whether they are the scatter's own loops over `columns`, which are shared out;
  ///     otherwise one loop over everything.
  ///   - write: writes what is done with one element, given the result's parameter and the place.
  private mutating func overRows(
    of result: View, _ dtype: DType, _ nest: LoopNest, _ columns: [Int], isInColumns: Bool,
    _ write: (inout KernelBuilder, Int, ElementIndex, inout [Statement]) -> Void
  ) -> [Statement] {
    var body: [Statement] = []
    let target = parameter(for: result.root, dtype, written: true)
    guard isInColumns else {
      let whole = LoopNest(domain: result.shape, strides: [result.strides])
      write(&self, target, whole.index(offset: result.offset, strides: result.strides), &body)
      return whole.loops(over: Array(whole.groups.indices), body)
    }
    let row = nest.groups.count
    let rank = nest.domain.count - result.shape.count + 1
    var place = nest.index(
      offset: result.offset,
      strides: [Int](repeating: 0, count: rank) + result.strides.dropFirst())
    place.terms.append(.init(variable: row, stride: result.strides[0]))
    write(&self, target, place, &body)
    return [.loop(variable: row, extent: result.shape[0], body: nest.loops(over: columns, body))]
  }

  private mutating func loadIndex(
    _ indices: View, _ strides: [Int], _ nest: LoopNest, _ statements: inout [Statement]
  ) -> Int {
    let parameter = parameter(for: indices.root, .i32)
    return define(
      .load(parameter: parameter, nest.index(offset: indices.offset, strides: strides)), .i32,
      in: &statements)
  }

  private func indexedKernel(
    _ nest: LoopNest, _ rank: Int, _ outer: [Statement], _ body: [Statement],
    split: (variable: Int, extent: Int)?
  ) -> Kernel {
    let outerGroups = nest.groups(in: Array(0..<rank))
    let innerGroups = nest.groups.indices.filter { !outerGroups.contains($0) }
    return kernel(
      nest.loops(over: outerGroups, outer + nest.loops(over: innerGroups, body)),
      split: split)
  }
}
