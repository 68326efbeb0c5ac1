// SPDX-License-Identifier: Apache-2.0
//
// Short names for the ops of the catalogue, so that rules and elaboration read like formulas.

extension GraphBuilder {
  // MARK: Creation

  /// An array of `type` filled with `value`.
  package func constant(_ value: Double, _ type: TensorType) -> ValueID {
    add(.constant(value, type))
  }

  /// An array like `value` (same shape and dtype) filled with `number`.
  package func constant(_ number: Double, like value: ValueID) -> ValueID {
    constant(number, type(of: value))
  }

  package func iota(axis: Int, shape: [Int]) -> ValueID { add(.iota(axis: axis, shape: shape)) }

  // MARK: Elementwise

  package func unary(_ function: UnaryFunction, _ x: ValueID) -> ValueID {
    add(.unary(function), x)
  }
  package func negate(_ x: ValueID) -> ValueID { unary(.negate, x) }
  package func add(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.add), a, b) }
  package func subtract(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.subtract), a, b) }
  package func multiply(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.multiply), a, b) }
  package func divide(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.divide), a, b) }
  package func power(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.power), a, b) }
  package func maximum(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.maximum), a, b) }
  package func minimum(_ a: ValueID, _ b: ValueID) -> ValueID { add(.binary(.minimum), a, b) }

  package func compare(_ comparison: Comparison, _ a: ValueID, _ b: ValueID) -> ValueID {
    add(.compare(comparison), a, b)
  }

  package func select(_ condition: ValueID, _ a: ValueID, _ b: ValueID) -> ValueID {
    add(.select, condition, a, b)
  }

  package func convert(_ x: ValueID, to dtype: DType) -> ValueID {
    type(of: x).dtype == dtype ? x : add(.convert(dtype), x)
  }

  package func stopGradient(_ x: ValueID) -> ValueID { add(.stopGradient, x) }

  /// `number * x` for a float array.
  package func scale(_ x: ValueID, by number: Double) -> ValueID {
    multiply(x, constant(number, like: x))
  }

  // MARK: Movement

  /// Repeats `x` along the axes of `shape` that are not in `axes`; see `Op.broadcast`.
  package func broadcast(_ x: ValueID, to shape: [Int], axes: [Int]) -> ValueID {
    shape == self.shape(of: x) ? x : add(.broadcast(shape: shape, axes: axes), x)
  }

  /// Repeats a scalar over `shape`.
  package func broadcast(scalar x: ValueID, to shape: [Int]) -> ValueID {
    broadcast(x, to: shape, axes: [])
  }

  package func reshape(_ x: ValueID, to shape: [Int]) -> ValueID {
    shape == self.shape(of: x) ? x : add(.reshape(shape), x)
  }

  package func transpose(_ x: ValueID, _ permutation: [Int]) -> ValueID {
    permutation == Array(permutation.indices) ? x : add(.transpose(permutation), x)
  }

  package func slice(_ x: ValueID, starts: [Int], shape: [Int]) -> ValueID {
    shape == self.shape(of: x) ? x : add(.slice(starts: starts, shape: shape), x)
  }

  package func pad(_ x: ValueID, low: [Int], high: [Int]) -> ValueID {
    (low + high).allSatisfy { $0 == 0 } ? x : add(.pad(low: low, high: high), x)
  }

  package func concatenate(_ parts: [ValueID], axis: Int) -> ValueID {
    parts.count == 1 ? parts[0] : append(.concatenate(axis: axis), parts)[0]
  }

  // MARK: Reduction, products, indexing

  package func sum(_ x: ValueID, axes: [Int]) -> ValueID { reduce(.sum, x, axes: axes) }

  package func reduce(_ reduction: Reduction, _ x: ValueID, axes: [Int]) -> ValueID {
    axes.isEmpty ? x : add(.reduce(reduction, axes: axes), x)
  }

  package func contract(_ a: ValueID, _ b: ValueID, _ labels: ContractionLabels) -> ValueID {
    add(.contract(labels), a, b)
  }

  package func checkPositions(_ indices: ValueID, _ bound: PositionBound) -> ValueID {
    add(.checkPositions(bound), indices)
  }

  package func gather(_ table: ValueID, _ indices: ValueID) -> ValueID {
    add(.gather, table, indices)
  }

  package func scatterAdd(_ indices: ValueID, _ updates: ValueID, rows: Int) -> ValueID {
    add(.scatterAdd(rows: rows), indices, updates)
  }
}
