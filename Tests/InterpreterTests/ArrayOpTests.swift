// SPDX-License-Identifier: Apache-2.0
//
// Movement, reduction, contraction and indexing ops against values worked out by hand.

import Interpreter
import TensorIR
import Testing

@Suite("Movement ops")
struct MovementTests {
  @Test("broadcast repeats along the axes it adds")
  func broadcast() throws {
    let x = array([2], [1, 2])
    #expect(try elements(.broadcast(shape: [2, 3], axes: [0]), x) == [1, 1, 1, 2, 2, 2])
    #expect(try elements(.broadcast(shape: [3, 2], axes: [1]), x) == [1, 2, 1, 2, 1, 2])
    #expect(try elements(.broadcast(shape: [2], axes: []), array([], [7])) == [7, 7])
  }

  @Test("reshape keeps the order of elements")
  func reshape() throws {
    let result = try apply(.reshape([3, 2]), [counting([2, 3])])[0]
    #expect(result == counting([3, 2]))
  }

  @Test("result axis i of a transpose is operand axis permutation[i]")
  func transpose() throws {
    let result = try apply(.transpose([2, 0, 1]), [counting([2, 3, 4])])[0]
    #expect(result.shape == [4, 2, 3])
    for (i, j, k) in [(0, 0, 0), (1, 0, 2), (3, 1, 1)] {
      #expect(result.elements[(i * 2 + j) * 3 + k] == Double((j * 3 + k) * 4 + i))
    }
  }

  @Test("slice takes a block")
  func slice() throws {
    let block = Op.slice(starts: [1, 0], shape: [2, 2])
    #expect(try elements(block, counting([3, 3])) == [3, 4, 6, 7])
  }

  @Test("pad puts zeros around")
  func pad() throws {
    let padding = Op.pad(low: [0, 1], high: [1, 0])
    #expect(try elements(padding, array([1, 2], [5, 6])) == [0, 5, 6, 0, 0, 0])
  }

  @Test("concatenate joins along its axis")
  func concatenate() throws {
    let x = array([2, 1], [1, 2])
    let y = array([2, 2], [3, 4, 5, 6])
    #expect(try elements(.concatenate(axis: 1), x, y) == [1, 3, 4, 2, 5, 6])
    #expect(try elements(.concatenate(axis: 0), y, y) == [3, 4, 5, 6, 3, 4, 5, 6])
  }
}

@Suite("Reductions and contractions")
struct ProductTests {
  @Test("reductions combine over their axes")
  func reduce() throws {
    let x = array([2, 3], [1, 5, 3, 4, 2, 6])
    #expect(try elements(.reduce(.sum, axes: [1]), x) == [9, 12])
    #expect(try elements(.reduce(.sum, axes: [0]), x) == [5, 7, 9])
    #expect(try elements(.reduce(.maximum, axes: [1]), x) == [5, 6])
    #expect(try elements(.reduce(.sum, axes: [0, 1]), x) == [21])
    #expect(try elements(.reduce(.sum, axes: []), x) == x.elements)
  }

  @Test("the maximum of negative numbers is negative, with a NaN it is NaN")
  func maximumOfNegatives() throws {
    #expect(try elements(.reduce(.maximum, axes: [0]), array([2], [-3, -2])) == [-2])
    #expect(try elements(.reduce(.maximum, axes: [0]), array([3], [1, .nan, 2]))[0].isNaN)
  }

  @Test("the matrix product")
  func matrixProduct() throws {
    let a = array([2, 3], [1, 2, 3, 4, 5, 6])
    let b = array([3, 2], [1, 0, 0, 1, 2, 2])
    #expect(try elements(.contract(.matrixProduct), a, b) == [7, 8, 16, 17])
  }

  @Test("batch labels, permuted outputs and outer products")
  func contractions() throws {
    let batched = ContractionLabels(lhs: [0, 1], rhs: [0, 1], output: [0])
    let a = array([2, 2], [1, 2, 3, 4])
    let b = array([2, 2], [5, 6, 7, 8])
    #expect(try elements(.contract(batched), a, b) == [17, 53])
    let transposed = ContractionLabels(lhs: [0, 1], rhs: [1, 2], output: [2, 0])
    #expect(try elements(.contract(transposed), a, b) == [19, 43, 22, 50])
    let outer = ContractionLabels(lhs: [0], rhs: [1], output: [1, 0])
    let (x, y) = (array([2], [1, 2]), array([2], [3, 4]))
    #expect(try elements(.contract(outer), x, y) == [3, 6, 4, 8])
    let full = ContractionLabels(lhs: [0, 1], rhs: [1, 0], output: [])
    #expect(try elements(.contract(full), a, b) == [5 + 14 + 18 + 32])
  }
}

@Suite("Cumulative sums in the interpreter")
struct CumulativeSumTests {
  @Test("each element is the sum up to it, or from it on, whatever the length")
  func values() throws {
    let x = array([2, 3], [1, 2, 4, 8, 16, 32])
    func sums(_ axis: Int, isReversed: Bool = false) throws -> [Double] {
      try elements(.cumulativeSum(axis: axis, isReversed: isReversed), x)
    }
    #expect(try sums(1) == [1, 3, 7, 8, 24, 56])
    #expect(try sums(0) == [1, 2, 4, 9, 18, 36])
    #expect(try sums(1, isReversed: true) == [7, 6, 4, 56, 48, 32])
    #expect(try sums(0, isReversed: true) == [9, 18, 36, 8, 16, 32])
    let long = array([600], [Double](repeating: 1, count: 600))
    let counted = try elements(.cumulativeSum(axis: 0, isReversed: false), long)
    #expect(counted == (1...600).map(Double.init))
  }

  @Test("whole numbers wrap around")
  func whole() throws {
    let x = integers([2], [Double(Int32.max), 1])
    let sums = try elements(.cumulativeSum(axis: 0, isReversed: false), x)
    #expect(sums == [Double(Int32.max), Double(Int32.min)])
  }
}

@Suite("Indexing ops")
struct IndexingTests {
  @Test("gather takes rows in the order of the indices")
  func gather() throws {
    let table = counting([3, 2])
    #expect(try elements(.gather, table, integers([2], [2, 0])) == [4, 5, 0, 1])
    #expect(try apply(.gather, [table, integers([2, 2], [0, 1, 1, 2])])[0].shape == [2, 2, 2])
  }

  @Test("scatter_add sums the updates of each row")
  func scatterAdd() throws {
    let indices = integers([3], [1, 0, 1])
    let updates = array([3, 2], [1, 2, 3, 4, 5, 6])
    #expect(try elements(.scatterAdd(rows: 3), indices, updates) == [3, 4, 6, 8, 0, 0])
  }

  @Test("an index outside the table is an error that names both", arguments: [-1.0, 3.0])
  func outOfRange(index: Double) throws {
    let error = EvaluationError.positionOutOfRange(
      bound: .rows(3), place: [0], value: Int(index), provenance: Provenance())
    #expect(throws: error) { try apply(.gather, [counting([3, 2]), integers([1], [index])]) }
    #expect(throws: error) {
      try apply(.scatterAdd(rows: 3), [integers([1], [index]), counting([1, 2])])
    }
  }
}
