// SPDX-License-Identifier: Apache-2.0
//
// What a data file is to feed, decided from what the file says about its arrays, before any of their
// data is read. An array with an input's full shape is fed as it is; one whose first axis stands for
// leading axes of the input is a table of which every step draws rows.
//
// Arrays that are drawn for the same axes of one part of the spec belong together: row 7 of `x` goes
// with row 7 of `y`. They must have one length, or the rows would be drawn apart without a word.

import Diagnostics
import MixFuseRuntime

/// How each input is fed.
struct DataPlan {
  /// An input and the way it is fed.
  struct Feed {
    let input: Manifest.ArrayDescription
    /// How rows are drawn; nil for an array that is fed as it is.
    let draw: RowDraw?
  }

  let feeds: [Feed]

  /// Where an input is read, and whether every task of a batch has its own slice of it.
  struct Part: Hashable {
    var isOuter = false
    var isBatched = false
  }

  /// Matches arrays to inputs by name and shape.
  ///
  /// - Parameters:
  ///   - inputs: the inputs to be fed, all of them.
  ///   - parts: where they are read, by name.
  ///   - tasks: the number of tasks of a batch, if there is one.
  ///   - apart: inputs whose rows have nothing to do with those of others.
  ///   - found: what the file has, by name.
  ///   - names: the names of all arrays of the file.
  ///   - path: the file, for messages.
  /// - Throws: `TrainingError.dataMissing`, `.dataShape`, `.dataTooFewRows`, `.dataLengths`.
  init(
    _ inputs: [Manifest.ArrayDescription], parts: [String: Part] = [:], tasks: Int? = nil,
    apart: Set<String> = [], from found: [String: ArrayHeader], names: [String], path: String
  ) throws(TrainingError) {
    var feeds: [Feed] = []
    for input in inputs {
      guard let header = found[input.name] else {
        throw .dataMissing(
          name: input.name, expected: input.typeDescription, path: path,
          suggestion: closestName(to: input.name, among: names))
      }
      let isWhole = header.shape == input.shape
      var draw = isWhole ? nil : try Self.draw(header.shape, for: input)
      if apart.contains(input.name) { draw?.group = input.name }
      feeds.append(Feed(input: input, draw: draw))
    }
    self.feeds = feeds
    try checkLengths(parts, tasks, apart)
  }

  /// How rows of an array of this shape are drawn for an input.
  private static func draw(
    _ shape: [Int], for input: Manifest.ArrayDescription
  ) throws(TrainingError) -> RowDraw {
    let axes = input.shape.count - shape.count + 1
    guard axes >= 0, axes <= input.shape.count, shape.dropFirst() == input.shape.dropFirst(axes)
    else {
      throw .dataShape(
        name: input.name, expected: input.shape,
        row: (0...input.shape.count).contains(axes) ? Array(input.shape.dropFirst(axes)) : nil,
        found: shape)
    }
    let draw = RowDraw(rowCount: shape[0], indexShape: Array(input.shape.prefix(axes)))
    let batch = draw.indexShape.last ?? 1
    guard batch <= draw.rowCount else {
      throw .dataTooFewRows(name: input.name, needed: batch, found: draw.rowCount)
    }
    return draw
  }

  /// Looks for arrays that belong together and are not drawn together.
  private func checkLengths(
    _ parts: [String: Part], _ tasks: Int?, _ apart: Set<String>
  ) throws(TrainingError) {
    let related = feeds.filter { !apart.contains($0.input.name) }
    for (position, table) in related.enumerated() {
      guard let draw = table.draw else { continue }
      let part = parts[table.input.name] ?? Part()
      // A row that is a whole task has its inner and its outer data in one place.
      let isTask = draw.indexShape == (tasks.map { [$0] } ?? [])
      for (otherPosition, other) in related.enumerated() where otherPosition != position {
        let otherPart = parts[other.input.name] ?? Part()
        let isRelated = otherPart == part || (isTask && otherPart.isBatched == part.isBatched)
        guard isRelated, let fault = Self.fault(other, beside: draw) else { continue }
        throw .dataLengths(
          name: other.input.name, found: fault, other: table.input.name, rows: draw.rowCount)
      }
    }
  }

  /// Why an array does not go with a table that is drawn along the first axes of both, or nil.
  private static func fault(_ other: Feed, beside draw: RowDraw) -> String? {
    guard other.input.shape.starts(with: draw.indexShape) else { return nil }
    guard let otherDraw = other.draw else {
      return draw.indexShape.isEmpty ? nil : "an array that is fed as it is"
    }
    if otherDraw.indexShape == draw.indexShape {
      return otherDraw.rowCount == draw.rowCount ? nil : "a table of \(otherDraw.rowCount) rows"
    }
    return otherDraw.indexShape.count < draw.indexShape.count
      ? "a table drawn along \(otherDraw.indexShape) alone" : nil
  }
}
