// SPDX-License-Identifier: Apache-2.0
//
// How data files feed inputs: which rows are drawn, and which shapes fit.

import MixFuseRuntime
import Testing

@testable import MixFuse

@Suite("training data")
struct TrainingDataTests {
  @Test("rows of a batch are distinct, and batches are independent")
  func distinctRows() {
    let draw = RowDraw(rowCount: 12, indexShape: [4, 10])
    let rows = draw.rows(seed: 3, step: 1)
    #expect(rows.count == 40)
    let batches = (0..<4).map { Array(rows[($0 * 10)..<($0 * 10 + 10)]) }
    for batch in batches {
      #expect(Set(batch).count == 10)
      #expect(batch.allSatisfy { (0..<12).contains($0) })
    }
    #expect(Set(batches).count == 4)
  }

  @Test("a batch of all rows is a permutation")
  func permutation() {
    let rows = RowDraw(rowCount: 50, indexShape: [50]).rows(seed: 1, step: 7)
    #expect(rows.sorted() == Array(0..<50))
    #expect(rows != Array(0..<50))
  }

  @Test("the draw depends on seed, step and table, and on nothing else")
  func pureDraw() {
    let draw = RowDraw(rowCount: 1000, indexShape: [8])
    let rows = draw.rows(seed: 5, step: 2)
    #expect(RowDraw(rowCount: 1000, indexShape: [8]).rows(seed: 5, step: 2) == rows)
    #expect(draw.rows(seed: 6, step: 2) != rows)
    #expect(draw.rows(seed: 5, step: 3) != rows)
    #expect(RowDraw(rowCount: 1001, indexShape: [8]).rows(seed: 5, step: 2) != rows)
    #expect(RowDraw(rowCount: 1000, indexShape: [1, 8]).rows(seed: 5, step: 2) != rows)
  }

  @Test("all rows are drawn about equally often")
  func uniformDraw() {
    let draw = RowDraw(rowCount: 10, indexShape: [3])
    var counts = [Int](repeating: 0, count: 10)
    for step in 0..<4000 {
      for row in draw.rows(seed: 11, step: step) { counts[row] += 1 }
    }
    // 1,200 expected; the standard deviation is 29.
    #expect(counts.allSatisfy { (1050...1350).contains($0) }, "\(counts)")
  }

  @Test("an array of the input's shape is fed whole, one with a first axis of its own is a table")
  func fixedAndTables() throws {
    let feed = try feed(
      [input("whole", [4, 3]), input("rows", [2, 4, 3]), input("inputs", [3])],
      from: [
        "whole": array([4, 3]), "rows": array([9, 3]), "inputs": array([7, 3]),
        "unused": array([1]),
      ])
    #expect(feed.fixed.names == ["whole"])
    #expect(feed.tables.map(\.input.name) == ["rows", "inputs"])
    #expect(feed.tables[0].draw == RowDraw(rowCount: 9, indexShape: [2, 4]))
    #expect(feed.tables[0].rowLength == 3)
    #expect(feed.tables[1].draw == RowDraw(rowCount: 7, indexShape: []))
  }

  @Test("tables of as many rows for the same axes share their row numbers")
  func sharedRows() throws {
    let feed = try feed(
      [input("x", [5, 8, 3]), input("y", [5, 8])], from: ["x": array([20, 3]), "y": array([20])])
    #expect(feed.tables[0].draw == feed.tables[1].draw)
  }

  @Test("arrays that do not fit are named with the shapes that would")
  func misfits() throws {
    func failure(_ inputShape: [Int], _ arrayShape: [Int]) -> TrainingError? {
      #expect(throws: TrainingError.self) {
        try feed([input("x", inputShape)], from: ["x": array(arrayShape)])
      }
    }
    #expect(
      failure([200, 50, 40], [4000, 41])?.text
        == "x: expected [200, 50, 40] or a table [N, 40], found [4000, 41]")
    #expect(
      failure([5], [2, 3, 5])?.text == "x: expected [5], found [2, 3, 5]")
    #expect(
      failure([50, 40], [40, 40])?.text == "x: a batch of 50 needs at least 50 rows, found 40")
    #expect(
      throws: TrainingError.dataMissing(
        name: "x", expected: "f32 [5]", path: "data.npz", suggestion: "X")
    ) {
      try feed([input("x", [5])], from: ["X": array([5])])
    }
  }

  /// Inputs with what a file has for them, and the input that is named as not going with another.
  static let lengths: [(inputs: [(String, [Int])], found: [[Int]], fault: String?)] = [
    // One length, the same axes.
    ([("x", [5, 8, 3]), ("y", [5, 8])], [[20, 3], [20]], nil),
    ([("x", [5, 8, 3]), ("y", [5, 8])], [[1500, 3], [2000]], "y"),
    ([("x", [8, 3]), ("y", [8])], [[1500, 3], [2000]], "y"),
    // Whole inputs as rows.
    ([("x", [8, 3]), ("y", [8])], [[15, 8, 3], [20, 8]], "y"),
    // A table beside an array that is fed as it is, or whose rows are those of fewer axes.
    ([("x", [5, 8, 3]), ("y", [5, 8])], [[20, 3], [5, 8]], "y"),
    ([("x", [5, 8, 3]), ("y", [5, 8])], [[5, 8, 3], [20]], "x"),
    ([("x", [5, 8, 3]), ("y", [5, 8])], [[20, 3], [20, 8]], "y"),
    // Other axes have nothing to do with these.
    ([("x", [5, 8, 3]), ("rate", [5])], [[20, 3], [5]], nil),
    ([("x", [5, 8, 3]), ("noise", [5, 7])], [[20, 3], [30, 7]], nil),
    ([("x", [8, 3]), ("scale", [])], [[20, 3], []], nil),
    ([("x", [8, 3]), ("z", [9, 3])], [[20, 3], [30, 3]], nil),
  ]

  @Test("arrays that are drawn for the same axes have one length", arguments: lengths)
  func oneLength(inputs: [(String, [Int])], found: [[Int]], fault: String?) throws {
    func plan(apart: Set<String>) throws -> DataPlan {
      try DataPlan(
        inputs.map { input($0.0, $0.1) }, apart: apart,
        from: Dictionary(
          zip(inputs, found).map { ($0.0, ArrayHeader(elementType: .float32, shape: $1)) }
        ) { $1 }, names: inputs.map(\.0), path: "data.npz")
    }
    guard let fault else {
      _ = try plan(apart: [])
      return
    }
    let error = #expect(throws: TrainingError.self) { try plan(apart: []) }
    #expect(error?.text.hasPrefix("\(fault): expected a table of ") == true)
    _ = try plan(apart: [fault])
  }

  @Test("inner and outer data belong together where a row is a whole task, and only there")
  func parts() throws {
    let outer = DataPlan.Part(isOuter: true, isBatched: true)
    let inner = DataPlan.Part(isOuter: false, isBatched: true)
    func plan(_ shape: [Int], _ first: [Int], _ second: [Int], tasks: Int?) throws -> DataPlan {
      try DataPlan(
        [input("support", shape), input("query", shape)],
        parts: ["support": inner, "query": outer], tasks: tasks,
        from: [
          "support": ArrayHeader(elementType: .float32, shape: first),
          "query": ArrayHeader(elementType: .float32, shape: second),
        ], names: ["support", "query"], path: "data.npz")
    }
    #expect(throws: TrainingError.self) { try plan([3, 5, 1], [20, 5, 1], [30, 5, 1], tasks: 3) }
    _ = try plan([3, 5, 1], [20, 5, 1], [20, 5, 1], tasks: 3)
    // Rows within tasks: training and validation points come from tables of their own.
    _ = try plan([3, 5, 1], [200, 1], [300, 1], tasks: 3)
    _ = try plan([8, 3], [200, 3], [300, 3], tasks: nil)
    #expect(throws: TrainingError.self) { try plan([8, 3], [20, 8, 3], [30, 8, 3], tasks: nil) }
  }

  private func feed(
    _ inputs: [Manifest.ArrayDescription], from arrays: NamedArrays
  ) throws -> DataFeed {
    let headers = arrays.map { ($0, ArrayHeader(elementType: $1.elementType, shape: $1.shape)) }
    let plan = try DataPlan(
      inputs, from: Dictionary(headers) { $1 }, names: arrays.names, path: "data.npz")
    return try DataFeed(plan) { arrays[$0] }
  }

  private func input(_ name: String, _ shape: [Int]) -> Manifest.ArrayDescription {
    Manifest.ArrayDescription(name: name, cName: name, elementType: .float32, shape: shape)
  }

  private func array(_ shape: [Int]) throws -> NDArray {
    try NDArray(zeros: shape, elementType: .float32)
  }
}
