-- The health of kafkade's resources, for Argo CD; generate.py puts it into argocd-cm.yaml for each kind.
--
-- One script for all kinds, since all keep the same conditions: Ready, Reconciling (kafkade goes on by itself) and Stalled
-- (it cannot, until somebody changes something). Each says which generation it speaks of: what was Ready before a change of
-- the spec says nothing of it after.
local waiting = { status = "Progressing", message = "kafkade has not looked at this generation yet" }

local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return waiting
end

local found = {}
for _, condition in ipairs(status.conditions) do
  if condition.observedGeneration == obj.metadata.generation then
    found[condition.type] = condition
  end
end
if found.Ready == nil then
  return waiting
end

local function holds(name)
  return found[name] ~= nil and found[name].status == "True"
end

local message = found.Ready.reason .. ": " .. found.Ready.message
local health = { status = "Suspended", message = message } -- paused, or managementPolicy Observe and something differs
if obj.metadata.deletionTimestamp ~= nil then
  -- Argo CD 3.6 and newer show why a deletion waits; older ones only that it does
  health = { status = "Progressing", message = message, deletionMessage = "Pending deletion; " .. message }
elseif holds("Stalled") then
  health.status = "Degraded"
elseif holds("Reconciling") then
  health.status = "Progressing"
elseif holds("Ready") then
  health.status = "Healthy"
end
return health
