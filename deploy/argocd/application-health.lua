-- The health of an Application, so that an application of applications waits for one before it begins with the next.
-- Argo CD has had none of its own since 1.8.
local health = obj.status ~= nil and obj.status.health or nil
if health == nil or health.status == nil then
  return { status = "Progressing", message = "Argo CD has not looked at this Application yet" }
end
return { status = health.status, message = health.message or "" }
