-- What wrk sends and how it reports. Arguments: method, body (or ""), and a file of targets, each
-- a line "token path"; every request goes to one of them by chance.

local requests = {}

function init(args)
   local method, body, file = args[1], args[2], args[3]
   for line in io.lines(file) do
      local token, path = line:match("^(%S+) (%S+)$")
      local headers = { ["Authorization"] = "Bearer " .. token }
      if body ~= "" then
         headers["Content-Type"] = "application/json"
      end
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
   end
   math.randomseed(os.time() + tonumber(tostring(requests):match("0x(%x+)"), 16) % 65536)
end

function request()
   return requests[math.random(#requests)]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
      summary.requests, summary.duration, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
