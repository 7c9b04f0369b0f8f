-- What wrk sends and how it reports. Arguments: method, body (or ""), a file of targets, each
-- a line "token path", and perhaps "keyed"; every request goes to one of them by chance. With
-- "keyed" each has an Idempotency-Key that no other has, also not one of another run.

local requests = {}
local mark = "key-of-this-request"
local run, sent

function init(args)
   local method, body, file, is_keyed = args[1], args[2], args[3], args[4] == "keyed"
   for line in io.lines(file) do
      local token, path = line:match("^(%S+) (%S+)$")
      local headers = { ["Authorization"] = "Bearer " .. token }
      if is_keyed then
         headers["Idempotency-Key"] = mark
      end
      if body ~= "" then
         headers["Content-Type"] = "application/json"
      end
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
   end
   math.randomseed(os.time() + tonumber(tostring(requests):match("0x(%x+)"), 16) % 65536)
   if is_keyed then
      run, sent = string.format("%x-%x-", os.time(), math.random(2 ^ 30)), 0
   end
end

function request()
   local text = requests[math.random(#requests)]
   if not run then
      return text
   end
   sent = sent + 1
   local first, last = text:find(mark, 1, true)
   return text:sub(1, first - 1) .. run .. sent .. text:sub(last + 1)
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
      summary.requests, summary.duration, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
