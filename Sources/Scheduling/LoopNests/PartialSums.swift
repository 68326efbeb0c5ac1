// SPDX-License-Identifier: Apache-2.0
//
// Large reductions over memory, made in parts so that they can be shared out over workers.
//
//   before:  for each row: compute; sum[j] += x[row, j]
//   after:   for each part: for each row of the part: compute; partial[part, j] += x[row, j]
//            then, in a second kernel, pairs of parts, pairs of pairs and so on are added
//
// How many parts there are, and which rows each has, follows from sizes alone: the sums are the same
// bits for any number of workers. What else the nest computes stays in it. Reductions of small
// kernels, and of kernels that run inside of one worker, are left as they are.

import Kernels
import TensorIR

/// The reductions of a cluster that are made in parts.
struct PartialSums {
  struct Result {
    var value: ValueID
    var type: TensorType
    var reduction: Reduction
  }

  /// Number of the loop of the nest that is cut, and the number of the loop over the parts.
  let group: Int
  let variable: Int
  /// Number of parts.
  let count: Int
  /// What is reduced over that loop.
  let results: [Result]

  /// `nil` if the loop, with `extent` iterations, is too short for parts, or the results too large.
  init?(group: Int, extent: Int, variable: Int, results: [Result], on machine: Machine) {
    let bytes = results.reduce(0) { $0 + $1.type.byteCount }
    count = min(
      machine.mostParts, extent / Machine.leastIterationsOfPart,
      machine.mostPartsBytes / max(bytes, 1))
    guard count >= machine.sharedIterations, bytes > 0 else { return nil }
    self.group = group
    self.variable = variable
    self.results = results
  }

  /// What stands for the partial sums of a result while its kernel is built, values that no region
  /// has; `nil` for any value that is not reduced in parts.
  func partial(of result: ValueID) -> ValueID? {
    results.firstIndex { $0.value == result }.map { ValueID(index: Self.firstPartial + $0) }
  }

  private static let firstPartial = Int.max / 2

  /// Addresses while the kernels are built, given those of the partial sums.
  func addresses(
    _ partials: [Pointer], otherwise address: @escaping (ValueID) -> Pointer
  ) -> (ValueID) -> Pointer {
    { value in
      value.index < Self.firstPartial
        ? address(value) : partials[value.index - Self.firstPartial]
    }
  }
}

extension CallEmission {
  /// Calls the kernel of a cluster and, if reductions are made in parts, the one that adds the parts.
  mutating func callCluster(_ cluster: Cluster, at position: Int) {
    let provenance = cluster.provenance
    guard !region.isInWorker, let parts = partialSums(of: cluster, in: region, uses: uses) else {
      var builder = KernelBuilder(for: region.machine, address: address)
      return call(builder.kernel(for: cluster, in: region, uses: uses), builder, provenance)
    }
    let partials = parts.results.map { result in
      newScratch(
        TensorType([parts.count] + result.type.shape, result.type.dtype),
        named: region.values[result.value.index].name + "_parts", provenance, at: position)
    }
    let addresses = parts.addresses(partials, otherwise: address)
    var builder = KernelBuilder(for: region.machine, address: addresses)
    call(
      builder.kernel(for: cluster, in: region, uses: uses, parts: parts), builder, provenance)
    var joining = KernelBuilder(for: region.machine, address: addresses)
    let equations = parts.results.map {
      let name = region.name(of: $0.value)
      return "\(name) = \($0.reduction == .sum ? "sum" : "max") of \(parts.count) \(name)_parts"
    }
    call(joining.join(parts), joining, provenance, equations)
  }
}

extension KernelBuilder {
  /// The kernel that adds up the parts of every result, pair by pair: rounding then costs as little
  /// as if there were five of them, not 32.
  ///
  /// - Cost: one pass over the parts.
  fileprivate mutating func join(_ parts: PartialSums) -> Kernel {
    let statements = parts.results.flatMap { join($0, parts) }
    return kernel(statements)
  }

  private mutating func join(_ result: PartialSums.Result, _ parts: PartialSums) -> [Statement] {
    guard let partial = parts.partial(of: result.value) else { return [] }
    let (type, size) = (result.type, result.type.elementCount)
    let target = parameter(for: result.value, type.dtype, written: true)
    let source = parameter(for: partial, type.dtype, written: true)
    count(flops: (parts.count - 1) * size, bytes: (parts.count + 1) * type.byteCount)
    var statements: [Statement] = []
    var left = parts.count
    while left > 2 {
      let half = (left + 1) / 2
      statements.append(addPairs(left - half, apart: half, in: source, result))
      left = half
    }
    let element = 0
    let place = ElementIndex(terms: [.init(variable: element, stride: 1)])
    let last = scope { builder -> Statement in
      var body: [Statement] = []
      let first = builder.define(.load(parameter: source, place), type.dtype, in: &body)
      let second = builder.define(
        .load(parameter: source, ElementIndex(offset: size, terms: place.terms)), type.dtype,
        in: &body)
      let op = ElementwiseOp.binary(result.reduction == .sum ? .add : .maximum)
      let sum = builder.define(.apply(op, [first, second]), type.dtype, in: &body)
      body.append(.store(parameter: target, place, scalar: sum))
      return .loop(variable: element, extent: size, body: body)
    }
    return statements + [last]
  }

  /// Adds to each of the first `pairs` parts the part that is `apart` further on. Parts lie one after
  /// the other, so one loop goes over the elements of all: of two, compilers unroll both.
  private mutating func addPairs(
    _ pairs: Int, apart: Int, in source: Int, _ result: PartialSums.Result
  ) -> Statement {
    let (type, size) = (result.type, result.type.elementCount)
    let element = 0
    let terms = [ElementIndex.Term(variable: element, stride: 1)]
    return scope { builder -> Statement in
      var body: [Statement] = []
      let other = builder.defineAnew(
        .load(parameter: source, ElementIndex(offset: apart * size, terms: terms)), type.dtype,
        in: &body)
      body.append(
        .accumulateInMemory(
          parameter: source, ElementIndex(terms: terms), result.reduction, value: other))
      return .loop(variable: element, extent: pairs * size, body: body)
    }
  }
}
