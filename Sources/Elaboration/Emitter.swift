// SPDX-License-Identifier: Apache-2.0
//
// Makes IR nodes for elaboration, in nested regions. A loop body is a graph of its own that sees
// outside values only through its inputs; expressions in a body may nevertheless name any value in
// scope. The emitter closes the gap: a value of an outer region used in an inner one becomes an
// invariant input of every region between.
//
// Axes of size 1 that a reduction keeps are a matter of the language, in which shapes are matched by
// them. Elementwise ops are therefore made of the arrays before (`UnitAxes.swift`).

import Diagnostics
import TensorIR

/// Builds one graph with nested regions.
final class Emitter {
  private struct Region {
    let number: Int
    let builder: GraphBuilder
    /// Outer values used here, and the inputs that stand for them.
    var captured: [Tensor] = []
    var inputs: [ValueKey: Tensor] = [:]
  }

  struct ValueKey: Hashable {
    let region: Int
    let id: ValueID
  }

  private var regions: [Region]
  private var regionCount = 1
  /// What is known of the arrays that have axes of size 1 for the language's sake.
  var unitAxes = UnitAxes()
  /// The place in the spec that the next nodes come from.
  var location: Span?
  /// What the value at hand will be called; what is made on the way to it is called after it.
  private(set) var target = ""
  /// What the user called to get the value at hand; the graph as a whole unless there is more to say.
  var function: String

  /// Starts a graph.
  init(name: String) {
    regions = [Region(number: 0, builder: GraphBuilder(name: name))]
    function = name
  }

  private var builder: GraphBuilder { regions[regions.count - 1].builder }

  /// The number of the innermost region; no two have the same.
  var currentRegion: Int { regionNumber }

  private var regionNumber: Int { regions[regions.count - 1].number }

  /// The graph as built so far; meaningful outside of inner regions.
  var graph: Graph { builder.graph }

  /// Adds an input to the current region's graph.
  func input(_ name: String, _ type: TensorType) -> Tensor {
    Tensor(id: builder.input(name, type), type: type, region: regionNumber)
  }

  /// Adds an output to the current region's graph.
  func output(_ name: String, _ tensor: Tensor) {
    builder.output(name, local(tensor).id)
  }

  /// Makes a node in the current region.
  func append(_ op: Op, _ operands: [Tensor]) -> [Tensor] {
    if let result = elementwiseBeforeUnitAxes(op, operands) { return [result] }
    let ids = operands.map { local($0).id }
    let provenance = Provenance(
      location: location?.shortDescription ?? "",
      name: target.isEmpty ? "" : "\(target)_\(op.wordInNames)", function: function)
    let results = builder.withProvenance(provenance) { builder.append(op, ids) }
    let tensors = results.map { Tensor(id: $0, type: builder.type(of: $0), region: regionNumber) }
    guard tensors.count == 1 else { return tensors }
    return [tensors[0].with(op.sizeForms(operands, shape: tensors[0].shape))]
  }

  /// Makes a node with one result.
  func add(_ op: Op, _ operands: Tensor...) -> Tensor { append(op, operands)[0] }

  /// Opens an inner region; its inputs are added with `input` before anything else is made.
  func beginRegion(_ name: String) {
    regions.append(Region(number: regionCount, builder: GraphBuilder(name: name)))
    regionCount += 1
  }

  /// Closes the innermost region.
  ///
  /// - Returns: its graph, and the outer values that its last inputs stand for.
  func endRegion() -> (graph: Graph, captured: [Tensor]) {
    let region = regions.removeLast()
    return (region.builder.graph, region.captured)
  }

  /// The tensor as a value of the current region.
  private func local(_ tensor: Tensor) -> Tensor { local(tensor, level: regions.count - 1) }

  private func local(_ tensor: Tensor, level: Int) -> Tensor {
    guard tensor.region != regions[level].number else { return tensor }
    guard level > 0 else { preconditionFailure("compiler bug: a value outlived its region") }
    let key = ValueKey(region: tensor.region, id: tensor.id)
    if let input = regions[level].inputs[key] { return input }
    let outer = local(tensor, level: level - 1)
    let builder = regions[level].builder
    let name = newInputName(regions[level - 1].builder.name(of: outer.id), of: builder)
    let input = Tensor(
      id: builder.input(name, tensor.type), type: tensor.type, region: regions[level].number)
    regions[level].captured.append(outer)
    regions[level].inputs[key] = input
    return input
  }
}

// MARK: - Names

extension Emitter {
  /// Runs `body`, whose value will be called `name`.
  func making<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    let saved = target
    target = name
    defer { target = saved }
    return try body()
  }

  /// Runs `body`, which the user called as `name`.
  func calling<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    let saved = function
    function = name
    defer { function = saved }
    return try body()
  }

  /// Makes a value by `body` and calls it `name`; arrays in it that were there before keep the names
  /// that they have.
  func named(_ name: String, _ body: () throws -> Value) rethrows -> Value {
    let (region, mark) = (regionNumber, builder.mark)
    let value = try making(name, body)
    for (tensor, path) in value.namedTensors(name) where tensor.region == region {
      builder.rename(tensor.id, path, madeSince: mark)
      if let source = unitAxes.source(of: tensor), source.region == region {
        builder.rename(source.id, path, madeSince: mark)
      }
    }
    return value
  }

  /// Calls a value of the region at hand `name`, if it is made there.
  func rename(_ tensor: Tensor, _ name: String) {
    if tensor.region == regionNumber { builder.rename(tensor.id, name) }
  }

  /// A name for the input of a region that stands for a value outside of it.
  private func newInputName(_ name: String, of builder: GraphBuilder) -> String {
    let base = name.isEmpty ? "invariant" : name
    let taken = Set(builder.graph.inputNames)
    var (candidate, number) = (base, 2)
    while taken.contains(candidate) {
      candidate = "\(base)_\(number)"
      number += 1
    }
    return candidate
  }
}

extension Value {
  /// The tensors inside, in the order of `tensors`, each with its name if the whole is called `name`:
  /// `theta.w1`, `pair_2`.
  func namedTensors(_ name: String) -> [(tensor: Tensor, name: String)] {
    switch self {
    case .tensor(let tensor): [(tensor, name)]
    case .tree(let tree): tree.fields.flatMap { $0.value.namedTensors("\(name).\($0.name)") }
    case .tuple(let parts), .list(let parts):
      parts.enumerated().flatMap { $1.namedTensors("\(name)_\($0 + 1)") }
    case .integer, .real, .boolean, .string, .function, .absent, .poison: []
    }
  }
}

extension Op {
  /// What a part of a value is called that this op makes: `h_product`.
  fileprivate var wordInNames: String {
    switch self {
    case .contract: "product"
    case .compare: "mask"
    case .select: "choice"
    case .checkPositions: "positions"
    case .reduce(.sum, _): "sum"
    case .reduce(.maximum, _): "max"
    case .structured(let structured): structured.name
    default: name
    }
  }
}

// MARK: - Short names

extension Emitter {
  func constant(_ value: Double, _ type: TensorType) -> Tensor {
    let result = add(.constant(value, type))
    unitAxes.note(result, isFilledWith: value)
    return result
  }

  func unary(_ function: UnaryFunction, _ x: Tensor) -> Tensor { add(.unary(function), x) }

  func binary(_ function: BinaryFunction, _ a: Tensor, _ b: Tensor) -> Tensor {
    add(.binary(function), a, b)
  }

  func convert(_ x: Tensor, to dtype: DType) -> Tensor {
    x.dtype == dtype ? x : add(.convert(dtype), x)
  }

  func reshape(_ x: Tensor, to shape: [Int]) -> Tensor {
    if x.shape == shape { return x }
    if let source = unitAxes.source(of: x), source.shape == shape { return source }
    return add(.reshape(shape), x)
  }

  func transpose(_ x: Tensor, _ permutation: [Int]) -> Tensor {
    permutation == Array(permutation.indices) ? x : add(.transpose(permutation), x)
  }

  func reduce(_ reduction: Reduction, _ x: Tensor, axes: [Int]) -> Tensor {
    axes.isEmpty ? x : add(.reduce(reduction, axes: axes), x)
  }

  /// Stretches `x` to a shape it fits in the manner of NumPy: axes are matched from the last, and
  /// an axis of size 1, or one that is missing, repeats.
  func broadcast(_ x: Tensor, to shape: [Int]) -> Tensor {
    guard x.shape != shape else { return x }
    let offset = shape.count - x.shape.count
    let kept = x.shape.indices.filter { x.shape[$0] == shape[offset + $0] }
    let squeezed = reshape(x, to: kept.map { x.shape[$0] })
    return squeezed.shape == shape
      ? squeezed : add(.broadcast(shape: shape, axes: kept.map { $0 + offset }), squeezed)
  }

  /// Moves one axis to another place, the order of the others unchanged.
  func moveAxis(_ x: Tensor, from: Int, to: Int) -> Tensor {
    var permutation = Array(x.shape.indices)
    permutation.remove(at: from)
    permutation.insert(from, at: to)
    return transpose(x, permutation)
  }
}
