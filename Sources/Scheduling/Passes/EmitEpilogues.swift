// SPDX-License-Identifier: Apache-2.0
//
// Calls of contractions with an epilogue: where the sum grows until the epilogue takes it, and whether
// the epilogue is no more than adding to what is there already.

import Kernels
import TensorIR

extension CallEmission {
  /// Calls a contraction with the work of a cluster, whose pointers up to C are `arguments`.
  mutating func callEpilogue(
    _ cluster: Cluster, of contraction: ScheduledContraction, _ lowered: inout LoweredContraction,
    _ arguments: [Pointer], at position: Int
  ) {
    let result = contraction.node.result
    if !uses.needsStorage.contains(result),
      let (sum, addend) = contraction.addition(in: region), addend.isContiguous,
      address(addend.root).advanced(by: addend.offset) == address(sum)
    {
      lowered.shape.accumulates = true
      var kernel = lowered.kernel(in: region, planner)
      kernel.equations += region.equations(of: cluster, storing: [sum])
      return callWithScratch(
        kernel, arguments + [address(sum)], cluster.provenance, at: position)
    }
    let place = placeOfSum(contraction, cluster, at: position)
    var builder = KernelBuilder(for: region.machine) { [self] in $0 == result ? place : address($0)
    }
    _ = builder.parameter(for: result, contraction.type.dtype, written: true)
    guard let columns = planner.plan(lowered.shape).packedOperands.resultColumns else {
      preconditionFailure("compiler bug: an epilogue of a contraction that takes none")
    }
    let work = builder.epilogue(cluster, in: region, uses: uses, columns: columns)
    guard case .fused(let fused) = work.body else { return }
    lowered.shape.epilogue = ContractionEpilogue(
      kernel: fused, parameters: work.parameters, scalarNames: Annotation(work.scalarNames))
    var kernel = lowered.kernel(in: region, planner)
    kernel.parameters.insert(contentsOf: work.parameters.dropFirst(), at: 3)
    kernel.equations += work.equations
    kernel.flops += work.flops
    kernel.bytesMoved += work.bytesMoved
    callWithScratch(kernel, arguments + builder.pointers, cluster.provenance, at: position)
  }

  /// Where the sums of a contraction grow until the epilogue takes them: in its own array if it has
  /// one, in that of a result of the epilogue that nothing else of it uses, or in one made for that.
  private mutating func placeOfSum(
    _ contraction: ScheduledContraction, _ cluster: Cluster, at position: Int
  ) -> Pointer {
    let result = contraction.node.result
    if uses.needsStorage.contains(result) { return address(result) }
    let read = Set(cluster.viewsOfOthers.map { address(region.placed($0).root).buffer })
    for value in cluster.entries.map(\.result).sorted()
    where uses.needsStorage.contains(value) && region.window(of: value) == nil {
      let pointer = address(value)
      if region.type(of: value).dtype == contraction.type.dtype, !read.contains(pointer.buffer) {
        return pointer
      }
    }
    return newScratch(
      contraction.type, named: region.values[result.index].name, Provenance(), at: position)
  }
}
