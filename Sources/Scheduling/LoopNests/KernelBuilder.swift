// SPDX-License-Identifier: Apache-2.0
//
// Builds the loop nest of one fused kernel: allocates pointer parameters (one per address, so an
// array updated in place is one parameter), scalars, and loads that are shared within a scope.
// `ClusterKernel.swift` and `IndexingKernels.swift` build whole kernels with it.

import Kernels
import TensorIR

/// Collects the parameters and statements of a kernel.
struct KernelBuilder {
  /// The machine that the kernel is for.
  let machine: Machine
  /// The address of a value with storage.
  let address: (ValueID) -> Pointer
  /// The address behind each pointer parameter.
  private(set) var pointers: [Pointer] = []
  /// The step loop variable behind each integer parameter.
  private(set) var indices: [LoopVariable] = []
  private(set) var parameters: [Parameter] = []
  private(set) var scalars: [DType] = []
  /// What each scalar is called.
  private(set) var scalarNames: [String] = []
  private(set) var locals: [LocalArray] = []
  private(set) var flops = 0
  private(set) var bytesMoved = 0

  /// Definitions already made in the current scope, to be used again.
  private var cache: [Typed: Int] = [:]

  init(for machine: Machine, address: @escaping (ValueID) -> Pointer) {
    self.machine = machine
    self.address = address
  }

  // MARK: Parameters and scalars

  /// The parameter that points at a value.
  mutating func parameter(for value: ValueID, _ dtype: DType, written: Bool = false) -> Int {
    let pointer = address(value)
    if let index = pointers.firstIndex(of: pointer) {
      if written { parameters[index].isWritten = true }
      return index
    }
    pointers.append(pointer)
    parameters.append(Parameter(dtype: dtype, isWritten: written))
    return pointers.count - 1
  }

  /// A new scalar of the given type.
  mutating func newScalar(_ dtype: DType, named name: String = "") -> Int {
    scalars.append(dtype)
    scalarNames.append(name)
    return scalars.count - 1
  }

  /// A new array on the kernel's stack.
  mutating func newLocal(_ dtype: DType, elementCount: Int) -> Int {
    locals.append(LocalArray(dtype: dtype, elementCount: elementCount))
    return locals.count - 1
  }

  /// Defines a scalar, or finds the one that already holds the expression.
  mutating func define(
    _ expression: ScalarExpression, _ dtype: DType, named name: String = "",
    in statements: inout [Statement]
  ) -> Int {
    let key = Typed(expression, dtype)
    if let scalar = cache[key] { return scalar }
    let scalar = newScalar(dtype, named: name)
    statements.append(.define(scalar: scalar, expression))
    cache[key] = scalar
    return scalar
  }

  /// Constants of different types are different scalars.
  private struct Typed: Hashable {
    let expression: ScalarExpression
    let dtype: DType
    init(_ expression: ScalarExpression, _ dtype: DType) {
      self.expression = expression
      self.dtype = dtype
    }
  }

  /// Runs `body` with the definitions of the enclosing scope in view, and forgets its own after.
  mutating func scope<Result>(_ body: (inout KernelBuilder) -> Result) -> Result {
    let saved = cache
    let result = body(&self)
    cache = saved
    return result
  }

  /// Loads are not shared across a store to the same parameter.
  mutating func forgetLoads(of parameter: Int) {
    cache = cache.filter {
      if case .load(parameter, _) = $0.key.expression { false } else { true }
    }
  }

  mutating func stepIndex(_ variable: LoopVariable, in statements: inout [Statement]) -> Int {
    let position: Int
    if let known = indices.firstIndex(of: variable) {
      position = known
    } else {
      indices.append(variable)
      position = indices.count - 1
    }
    return define(.stepIndex(position), .i32, in: &statements)
  }

  // MARK: Reading a binding

  /// The scalar that a binding has at the current point of the nest.
  mutating func read(
    _ binding: Binding, _ dtype: DType, named name: String = "", in nest: LoopNest,
    _ statements: inout [Statement]
  ) -> Int {
    switch binding {
    case .constant(let value):
      return define(.constant(value), dtype, in: &statements)
    case .axisIndex(let axis, let offset):
      return define(.index(nest.axisIndex(axis, offset: offset)), .i32, in: &statements)
    case .stepIndex(let variable):
      return stepIndex(variable, in: &statements)
    case .view(let view):
      let parameter = parameter(for: view.root, dtype)
      return define(
        .load(parameter: parameter, nest.index(offset: view.offset, strides: view.strides)),
        dtype, named: name, in: &statements)
    }
  }

  // MARK: Cost

  mutating func count(flops: Int, bytes: Int) {
    self.flops += flops
    bytesMoved += bytes
  }

  /// - Parameters:
  ///   - lanes: an innermost loop to be done in whole vectors.
  ///   - split: the loop that may be shared out over workers, with its extent.
  ///   - cut: a loop that does one part of its iterations at a time.
  func kernel(
    _ statements: [Statement], equations: [String] = [], lanes: LaneLoop? = nil,
    split: (variable: Int, extent: Int)? = nil, cut: LoopCut? = nil
  ) -> Kernel {
    Kernel(
      body: .fused(
        FusedKernel(
          indexParameterCount: indices.count, scalars: scalars, locals: locals,
          statements: statements, lanes: lanes, split: split, cut: cut)),
      parameters: parameters, equations: equations, scalarNames: scalarNames, flops: flops,
      bytesMoved: bytesMoved)
  }
}

/// The loops of a kernel over a domain: axes that every access walks through densely are one loop.
struct LoopNest {
  struct Group: Hashable {
    /// Adjacent axes of the domain, outermost first.
    var axes: [Int]
    var extent: Int
    /// Elements of the innermost axis that one iteration stands for: more than one in the outer of
    /// the two loops of a blocked axis.
    var step = 1
  }

  let domain: [Int]
  private(set) var groups: [Group] = []

  /// - Parameters:
  ///   - strides: of every array access, one stride for each axis.
  ///   - apart: pairs of neighbouring axes that must not merge are those of which exactly one is in
  ///     one of these sets.
  ///   - alone: axes whose own index is needed, so they merge with nothing.
  init(domain: [Int], strides: [[Int]], apart: [Set<Int>] = [], alone: Set<Int> = []) {
    self.domain = domain
    let axes = domain.indices.filter { domain[$0] != 1 }
    for axis in axes {
      if let last = groups.indices.last, let inner = groups[last].axes.last,
        !alone.contains(axis), !alone.contains(inner),
        apart.allSatisfy({ $0.contains(axis) == $0.contains(inner) }),
        strides.allSatisfy({ $0[inner] == $0[axis] * domain[axis] })
      {
        groups[last].axes.append(axis)
        groups[last].extent *= domain[axis]
      } else {
        groups.append(Group(axes: [axis], extent: domain[axis]))
      }
    }
  }

  /// The groups made of the given axes, in order.
  func groups(in axes: [Int]) -> [Int] {
    groups.indices.filter { axes.contains(groups[$0].axes[0]) }
  }

  /// The index of an access with one stride per axis.
  func index(offset: Int, strides: [Int]) -> ElementIndex {
    ElementIndex(
      offset: offset,
      terms: groups.enumerated().compactMap { number, group in
        // The innermost axis of a group gives its stride.
        group.axes.last.map { .init(variable: number, stride: strides[$0] * group.step) }
      })
  }

  /// Makes two loops of one: the inner does `size` iterations, a divisor of the extent.
  mutating func block(group number: Int, by size: Int) {
    var inner = groups[number]
    groups[number].extent /= size
    groups[number].step = size
    inner.extent = size
    groups.insert(inner, at: number + 1)
  }

  /// The index along one axis that was kept alone.
  func axisIndex(_ axis: Int, offset: Int) -> ElementIndex {
    let terms = groups.enumerated().filter { $0.element.axes == [axis] }
    return ElementIndex(
      offset: offset, terms: terms.map { .init(variable: $0.offset, stride: $0.element.step) })
  }

  /// `body` inside loops over the given groups, outermost first.
  func loops(over groups: [Int], _ body: [Statement]) -> [Statement] {
    groups.reversed().reduce(body) { inner, number in
      [.loop(variable: number, extent: self.groups[number].extent, body: inner)]
    }
  }
}
