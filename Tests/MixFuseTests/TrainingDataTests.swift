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
    let feed = try DataFeed(
      [input("whole", [4, 3]), input("rows", [2, 4, 3]), input("inputs", [3])],
      from: [
        "whole": array([4, 3]), "rows": array([9, 3]), "inputs": array([7, 3]),
        "unused": array([1]),
      ], path: "data.npz")
    #expect(feed.fixed.names == ["whole"])
    #expect(feed.tables.map(\.input.name) == ["rows", "inputs"])
    #expect(feed.tables[0].draw == RowDraw(rowCount: 9, indexShape: [2, 4]))
    #expect(feed.tables[0].rowLength == 3)
    #expect(feed.tables[1].draw == RowDraw(rowCount: 7, indexShape: []))
  }

  @Test("tables of as many rows for the same axes share their row numbers")
  func sharedRows() throws {
    let feed = try DataFeed(
      [input("x", [5, 8, 3]), input("y", [5, 8])],
      from: ["x": array([20, 3]), "y": array([20])], path: "data.npz")
    #expect(feed.tables[0].draw == feed.tables[1].draw)
  }

  @Test("arrays that do not fit are named with the shapes that would")
  func misfits() throws {
    func failure(_ inputShape: [Int], _ arrayShape: [Int]) -> TrainingError? {
      #expect(throws: TrainingError.self) {
        try DataFeed([input("x", inputShape)], from: ["x": array(arrayShape)], path: "data.npz")
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
      try DataFeed([input("x", [5])], from: ["X": array([5])], path: "data.npz")
    }
  }

  private func input(_ name: String, _ shape: [Int]) -> Manifest.ArrayDescription {
    Manifest.ArrayDescription(name: name, cName: name, elementType: .float32, shape: shape)
  }

  private func array(_ shape: [Int]) throws -> NDArray {
    try NDArray(zeros: shape, elementType: .float32)
  }
}
