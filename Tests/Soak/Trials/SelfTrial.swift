// SPDX-License-Identifier: Apache-2.0
//
// The tester is tested: cases that pass, are skipped, are wrong, throw, crash and hang, in the order
// of their seeds from 1. Runs only if it is asked for by name.

import Foundation

struct SelfTrial: Trial {
  let name = "self-test"
  let purpose = "every way in which a case can end"
  let secondLimit = 2.0
  let share = 6

  struct Failure: Error {}

  func files(seed: UInt64) -> [CaseFile] { [CaseFile("case.txt", "\(seed)")] }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    switch seed {
    case 1: return .passed
    case 2: return .skipped("for a test")
    case 3: return .failed("for a test")
    case 4: throw Failure()
    case 5: fatalError("for a test")
    default:
      while true { sleep(1) }
    }
  }
}
