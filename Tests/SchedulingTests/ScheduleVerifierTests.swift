// SPDX-License-Identifier: Apache-2.0
//
// The schedule between passes: what the verifier finds if a pass breaks a rule, and what the text form
// looks like. That good schedules are found good is checked by every test that schedules (`scheduled`).

import Kernels
import TensorIR
import TestSupport
import Testing

@testable import Scheduling

@Suite("Schedules between passes")
struct ScheduleVerifierTests {
  /// A loop with two carries around a product, a softmax and an update in place.
  private func example() -> Graph {
    let body = loop(trips: 3, carries: 2, [f64(4, 6), f64(6, 6), f64(4, 6)]) { b, x in
      let product = b.contract(x[1], x[2], .matrixProduct)
      let next = b.softmax(b.add(product, x[3]))
      return [next, b.add(x[2], b.multiply(x[2], x[2]))]
    }
    return graph([f64(4, 6), f64(6, 6), f64(4, 6)]) { b, x in
      let start = b.unary(.tanh, x[0])
      let results = b.append(.loop(body), [start, x[1], x[2]])
      return [results[0], b.concatenate([b.add(results[1], x[1]), x[1]], axis: 0)]
    }
  }

  /// The schedule of the example after a pass.
  private func schedule(after pass: String) throws -> Schedule {
    var found: Schedule?
    _ = Scheduling.schedule(
      example(), options: ScheduleOptions(for: Machine(vectorBytes: 32))
    ) { if $0.name == pass { found = $1 } }
    let schedule = try #require(found)
    #expect(schedule.faults() == [])
    return schedule
  }

  /// Breaks a schedule and expects the verifier to say so, in words that contain `text`.
  private func expect(
    _ text: String, after pass: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ damage: (inout Schedule) throws -> Void
  ) throws {
    var schedule = try schedule(after: pass)
    try damage(&schedule)
    let faults = schedule.faults()
    #expect(
      faults.contains { $0.contains(text) }, "\(faults)", sourceLocation: sourceLocation)
  }

  private func firstCluster(_ schedule: inout Schedule, _ change: (inout Cluster) -> Void) throws {
    let position = try #require(schedule.region.steps.firstIndex { $0.cluster != nil })
    guard case .cluster(var cluster) = schedule.region.steps[position] else { return }
    change(&cluster)
    schedule.region.steps[position] = .cluster(cluster)
  }

  @Test("steps out of order, missing or double are found")
  func order() throws {
    try expect("is read before it is made", after: "form clusters") {
      $0.region.steps.reverse()
    }
    try expect("is read before it is made", after: "form clusters") {
      $0.region.steps.removeFirst()
    }
    try expect("is not made", after: "form clusters") {
      $0.region.steps.removeAll { if case .copy = $0 { true } else { false } }
    }
    try expect("is made twice", after: "form clusters") {
      $0.region.steps.append($0.region.steps[0])
    }
  }

  @Test("clusters without members, and members that cannot be where they are, are found")
  func clusters() throws {
    try expect("without members", after: "form clusters") {
      try firstCluster(&$0) { $0.removeEntries { _ in true } }
    }
    try expect("cannot be", after: "form clusters") {
      try firstCluster(&$0) { cluster in
        let entry = cluster.entries[0]
        cluster.removeEntries { $0.result == entry.result }
        cluster.append(
          .init(node: entry.node, operands: entry.operands, placement: .memoryReduction(phase: 0)))
      }
    }
    try expect("before its cluster makes it", after: "form clusters") { schedule in
      schedule.region.updateLoops { loop in
        for position in loop.body.steps.indices {
          guard case .cluster(let cluster) = loop.body.steps[position], cluster.entries.count > 1
          else { continue }
          var turned = Cluster(domain: cluster.domain)
          for entry in cluster.entries.reversed() { turned.append(entry) }
          loop.body.steps[position] = .cluster(turned)
        }
      }
    }
  }

  @Test("views and windows that leave their arrays are found")
  func views() throws {
    try expect("leaves it", after: "bind operands") { schedule in
      for (position, step) in schedule.region.steps.enumerated() {
        guard case .copy(var copy) = step else { continue }
        copy.destination.offset += 1000
        schedule.region.steps[position] = .copy(copy)
      }
    }
    try expect("the window of", after: "place in windows") { schedule in
      for index in schedule.region.values.indices {
        guard case .window(var window) = schedule.region.values[index].home else { continue }
        window.view.offset += 1000
        schedule.region.values[index].home = .window(window)
      }
    }
  }

  @Test("an array taken from a value that is still read is found")
  func tenants() throws {
    try expect("took its array", after: "make in place") { schedule in
      // The second carry is read after the first has been made: they cannot share.
      schedule.region.updateLoops { loop in
        let (first, second) = (loop.body.outputs[0], loop.body.outputs[1])
        loop.body.outputs[0].replaces = second.replaces
        loop.body.outputs[1].replaces = first.replaces
      }
    }
    try expect("does not fit", after: "share arrays") { schedule in
      let slot = schedule.region.outputs[1].slot
      let input = schedule.region.inputs[0]
      schedule.region.values[slot.index].home = .shared(with: input)
    }
  }

  @Test("values without addresses and arrays that overlap are found")
  func addresses() throws {
    try expect("has no address", after: "assign arrays") { schedule in
      schedule.region.updateLoops { loop in
        for index in loop.body.values.indices { loop.body.values[index].address = nil }
      }
    }
    try expect("overlap", after: "assign addresses") { schedule in
      for buffer in schedule.arrays.buffers.indices {
        if case .arena = schedule.arrays.buffers[buffer].placement {
          schedule.arrays.place(buffer, at: .arena(offset: 0))
        }
      }
    }
  }

  @Test("the text says what passes decide")
  func text() throws {
    let graph = graph([f64(4, 6)]) { b, x in [b.softmax(b.unary(.tanh, x[0]))] }
    var texts: [String: String] = [:]
    _ = Scheduling.schedule(
      graph, named: "example", options: ScheduleOptions(for: Machine(vectorBytes: 32))
    ) { texts[$0.name] = $1.text }
    #expect(Set(texts.keys) == Set(SchedulePass.pipeline.map(\.name)))
    #expect(
      texts["bind operands"]?.hasPrefix("schedule \"example\" {\n  input %0 x0: f64[4, 6]\n")
        ?? false)
    let bound = texts["bind operands"] ?? "", formed = texts["form clusters"] ?? ""
    #expect(bound.split(separator: "\n").count { $0.hasPrefix("  cluster") } == 6)
    #expect(formed.split(separator: "\n").count { $0.hasPrefix("  cluster") } == 1)
    #expect(formed.contains("cluster [4, 6] rows over [1] {"))
    #expect(formed.contains("    element 0: %1 = tanh %0"))
    #expect(texts["make in place"]?.contains("in the array of") ?? false)
    #expect(texts["assign arrays"]?.contains("in the array of") ?? false)
  }
}
